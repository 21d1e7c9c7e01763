using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace TailorKV.Runtime.Weights.Blocks;

/// <summary>As <see cref="Dot512"/>, eight numbers at a time, on any machine.</summary>
/// <param name="input">The input.</param>
/// <param name="inputSums">Of the input, the sum of each 32 numbers.</param>
internal unsafe struct Dot256(float* input, float* inputSums) : ICodeSink
{
    private float* _input = input;
    private float* _inputSums = inputSums;
    private Vector256<float> _sums;
    private float _offsets;

    public readonly float Sum => Vector256.Sum(_sums) + _offsets;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Take(int at, Vector128<sbyte> codes, float scale) => _sums = Vector256.FusedMultiplyAdd(Products(at, codes), Vector256.Create(scale), _sums);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Take(int at, Vector128<sbyte> first, Vector128<sbyte> second, float scale) =>
        _sums = Vector256.FusedMultiplyAdd(Products(at, first) + Products(at + 16, second), Vector256.Create(scale), _sums);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Take(int at, Vector128<sbyte> first, Vector128<sbyte> second, float scale, float offset)
    {
        Take(at, first, second, scale);
        _offsets += offset * _inputSums[at / 32];
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void TakeHalves(int at, Vector128<byte> packed, float scale, float offset) =>
        Take(at, Codes.Low(packed).AsSByte(), Codes.High(packed).AsSByte(), scale, offset);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Advance(int elements)
    {
        _input += elements;
        _inputSums += elements / 32;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly Vector256<float> Products(int at, Vector128<sbyte> codes)
    {
        (Vector256<float> lower, Vector256<float> upper) = Codes.Widen(codes);
        return Vector256.FusedMultiplyAdd(upper, Vector256.Load(_input + at + 8), lower * Vector256.Load(_input + at));
    }
}
