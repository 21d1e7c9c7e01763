using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using TailorKV.Runtime.Numbers;

namespace TailorKV.Runtime.Weights.Blocks;

/// <summary>A number for each of sixteen rows.</summary>
internal readonly unsafe struct SixteenRows(Vector256<float> lower, Vector256<float> upper)
{
    /// <summary>Rows.</summary>
    public const int Count = 16;

    private const int Half = Count / 2;

    /// <summary>Those of the first eight rows.</summary>
    public Vector256<float> Lower { get; } = lower;

    /// <summary>Those of the others.</summary>
    public Vector256<float> Upper { get; } = upper;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SixteenRows operator *(SixteenRows a, SixteenRows b) => new(a.Lower * b.Lower, a.Upper * b.Upper);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SixteenRows operator -(SixteenRows a) => new(-a.Lower, -a.Upper);

    /// <summary>Puts half-precision numbers of a row, which follow each other, among those of other rows.</summary>
    /// <param name="halves">The row's, [count].</param>
    /// <param name="count">How many.</param>
    /// <param name="row">The row's place.</param>
    /// <param name="destination">[count, sixteen rows].</param>
    public static void PutHalves(byte* halves, int count, int row, byte* destination)
    {
        for (int i = 0; i < count; i++)
            ((ushort*)destination)[(i * Count) + row] = ((ushort*)halves)[i];
    }

    /// <summary>Puts single-precision numbers of a row, which follow each other, among those of other rows.</summary>
    /// <param name="singles">The row's, [count].</param>
    /// <param name="count">How many.</param>
    /// <param name="row">The row's place.</param>
    /// <param name="destination">[count, sixteen rows].</param>
    public static void PutSingles(byte* singles, int count, int row, byte* destination)
    {
        for (int i = 0; i < count; i++)
            ((float*)destination)[(i * Count) + row] = ((float*)singles)[i];
    }

    /// <summary>Sixteen single-precision numbers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SixteenRows OfSingles(byte* source) => new(Vector256.Load((float*)source), Vector256.Load((float*)source + Half));

    /// <summary>Sixteen half-precision numbers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SixteenRows OfHalves(byte* source) => new(HalfFloat.Read<Lanes256>(source, 0).Value, HalfFloat.Read<Lanes256>(source, Half).Value);

    /// <summary>Sixteen bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SixteenRows OfBytes(byte* source) => new(Vector256.ConvertToSingle(EightBytes(source)), Vector256.ConvertToSingle(EightBytes(source + Half)));

    /// <summary>Sixteen bytes with a sign.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SixteenRows OfSignedBytes(byte* source) => new(Vector256.ConvertToSingle(Signed(EightBytes(source))), Vector256.ConvertToSingle(Signed(EightBytes(source + Half))));

    private static Vector256<int> Signed(Vector256<int> bytes) => (bytes << 24) >> 24;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> EightBytes(byte* source)
    {
        if (Avx2.IsSupported)
            return Avx2.ConvertToVector256Int32(source);
        var shorts = Vector128.WidenLower(Vector128.CreateScalar(*(ulong*)source).AsByte());
        return Vector256.Create(Vector128.WidenLower(shorts), Vector128.WidenUpper(shorts)).AsInt32();
    }
}
