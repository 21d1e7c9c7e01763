using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace TailorKV.Runtime.Weights.Blocks;

/// <summary>
/// Multiplies the numbers with an input and adds the products up, by AVX-512. Scales meet the sums of products of their codes, and offsets the sums of the input, which
/// are the same for all rows.
/// </summary>
/// <param name="input">The input.</param>
/// <param name="inputSums">Of the input, the sum of each 32 numbers.</param>
internal unsafe struct Dot512(float* input, float* inputSums) : ICodeSink
{
    private float* _input = input;
    private float* _inputSums = inputSums;
    private Vector512<float> _sums;
    private float _offsets;

    public readonly float Sum => Vector512.Sum(_sums) + _offsets;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Take(int at, Vector128<sbyte> codes, float scale) =>
        _sums = Vector512.FusedMultiplyAdd(Codes.Widen512(codes) * Vector512.Load(_input + at), Vector512.Create(scale), _sums);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Take(int at, Vector128<sbyte> first, Vector128<sbyte> second, float scale) => Add(at, Codes.Widen512(first), Codes.Widen512(second), scale);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Take(int at, Vector128<sbyte> first, Vector128<sbyte> second, float scale, float offset)
    {
        Add(at, Codes.Widen512(first), Codes.Widen512(second), scale);
        _offsets += offset * _inputSums[at / 32];
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void TakeHalves(int at, Vector128<byte> packed, float scale, float offset)
    {
        Vector512<int> wide = Avx512F.ConvertToVector512Int32(packed);
        Add(at, Vector512.ConvertToSingle(wide & Vector512.Create(15)), Vector512.ConvertToSingle(wide >>> 4), scale);
        _offsets += offset * _inputSums[at / 32];
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Advance(int elements)
    {
        _input += elements;
        _inputSums += elements / 32;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Add(int at, Vector512<float> first, Vector512<float> second, float scale)
    {
        Vector512<float> products = Vector512.FusedMultiplyAdd(second, Vector512.Load(_input + at + 16), first * Vector512.Load(_input + at));
        _sums = Vector512.FusedMultiplyAdd(products, Vector512.Create(scale), _sums);
    }
}
