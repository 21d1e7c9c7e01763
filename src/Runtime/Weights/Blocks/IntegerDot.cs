using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace TailorKV.Runtime.Weights.Blocks;

/// <summary>
/// Multiplies codes with a rounded input in integers and adds the products up. Scales meet the sums of products of their codes, and offsets the sums of the input, which
/// are the same for all rows.
/// </summary>
internal unsafe struct IntegerDot(RoundedInput input) : ICodeSink
{
    private RoundedInput _input = input;
    private Vector256<float> _sums;
    private float _offsets;

    public readonly float Sum => Vector256.Sum(_sums) + _offsets;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Take(int at, Vector128<sbyte> codes, float scale) => Add(at, Products(at, Codes.WidenToInt16(codes)), scale);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Take(int at, Vector128<sbyte> first, Vector128<sbyte> second, float scale) =>
        Add(at, Products(at, Codes.WidenToInt16(first)) + Products(at + 16, Codes.WidenToInt16(second)), scale);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Take(int at, Vector128<sbyte> first, Vector128<sbyte> second, float scale, float offset)
    {
        Take(at, first, second, scale);
        _offsets += offset * _input.Sums[Group(at)];
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void TakeHalves(int at, Vector128<byte> packed, float scale, float offset)
    {
        Vector256<short> wide = Codes.WidenToInt16(packed);
        Add(at, Products(at, wide & Vector256.Create((short)15)) + Products(at + 16, wide >>> 4), scale);
        _offsets += offset * _input.Sums[Group(at)];
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Advance(int elements) => _input = _input.From(elements);

    // Of what is never below zero, as the compiler cannot know: a shift.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static nint Group(int at) => (nint)((uint)at / RoundedInput.Group);

    /// <summary>Sums of the products of sixteen codes with the input, in eight parts.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly Vector256<int> Products(int at, Vector256<short> codes)
    {
        var numbers = Vector256.Load(_input.Numbers + at);
        if (Avx2.IsSupported)
            return Avx2.MultiplyAddAdjacent(codes, numbers);
        (Vector256<int> lower, Vector256<int> upper) = Vector256.Widen(codes);
        (Vector256<int> lowerNumbers, Vector256<int> upperNumbers) = Vector256.Widen(numbers);
        return (lower * lowerNumbers) + (upper * upperNumbers);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Add(int at, Vector256<int> products, float scale) =>
        _sums = Vector256.FusedMultiplyAdd(Vector256.ConvertToSingle(products), Vector256.Create(scale * _input.Steps[Group(at)]), _sums);
}
