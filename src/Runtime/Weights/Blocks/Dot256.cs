using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace TailorKV.Runtime.Weights.Blocks;

/// <summary>Multiplies the numbers with an input and adds the products up, eight at a time, on any machine.</summary>
internal unsafe struct Dot256(float* input) : ICodeSink
{
    private float* _input = input;
    private Vector256<float> _lower;
    private Vector256<float> _upper;

    public readonly float Sum => Vector256.Sum(_lower + _upper);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Take(int at, Vector128<sbyte> codes, float scale)
    {
        (Vector256<float> lower, Vector256<float> upper) = Codes.Widen(codes);
        _lower = Vector256.FusedMultiplyAdd(lower * Vector256.Load(_input + at), Vector256.Create(scale), _lower);
        _upper = Vector256.FusedMultiplyAdd(upper * Vector256.Load(_input + at + 8), Vector256.Create(scale), _upper);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Take(int at, Vector128<sbyte> codes, float scale, float offset)
    {
        (Vector256<float> lower, Vector256<float> upper) = Codes.Widen(codes);
        Vector256<float> scales = Vector256.Create(scale), offsets = Vector256.Create(offset);
        _lower = Vector256.FusedMultiplyAdd(Vector256.FusedMultiplyAdd(lower, scales, offsets), Vector256.Load(_input + at), _lower);
        _upper = Vector256.FusedMultiplyAdd(Vector256.FusedMultiplyAdd(upper, scales, offsets), Vector256.Load(_input + at + 8), _upper);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void TakeFourBits(int at, Vector128<byte> codes, float scale, float offset) => Take(at, codes.AsSByte(), scale, offset);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Advance(int elements) => _input += elements;
}
