using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace TailorKV.Runtime.Weights.Blocks;

/// <summary>Steps that the quantized formats share.</summary>
internal static unsafe class Codes
{
    /// <summary>The low four bits of each byte.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> Low(Vector128<byte> packed) => packed & Vector128.Create((byte)15);

    /// <summary>The high four bits of each byte.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> High(Vector128<byte> packed) => Field(packed, 4, 15);

    /// <summary>The bits of each byte from <paramref name="shift"/> on that <paramref name="mask"/>, below 2^(8 - shift), leaves.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> Field(Vector128<byte> packed, int shift, byte mask) =>
        (packed.AsUInt16() >>> shift).AsByte() & Vector128.Create(mask);

    /// <summary>Sixteen bytes that are 16 where the bit of <paramref name="bits"/> is set and 0 elsewhere, lowest bit first.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> FifthBits(uint bits)
    {
        Vector128<byte> spread = Vector128.Shuffle(
            Vector128.CreateScalar(bits).AsByte(), Vector128.Create((byte)0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1));
        Vector128<byte> select = Vector128.Create(0x8040201008040201UL).AsByte();
        return Vector128.Equals(spread & select, select) & Vector128.Create((byte)16);
    }

    /// <summary>Sixteen small integers to sixteen numbers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Widen512(Vector128<sbyte> codes) => Vector512.ConvertToSingle(Avx512F.ConvertToVector512Int32(codes));

    /// <summary>Sixteen small integers to integers of 16 bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<short> WidenToInt16(Vector128<sbyte> codes) => Avx2.IsSupported
        ? Avx2.ConvertToVector256Int16(codes)
        : Vector256.Create(Vector128.WidenLower(codes), Vector128.WidenUpper(codes));

    /// <summary>Sixteen small integers to sixteen numbers in two halves.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector256<float> Lower, Vector256<float> Upper) Widen(Vector128<sbyte> codes)
    {
        (Vector256<int> lower, Vector256<int> upper) = Vector256.Widen(WidenToInt16(codes));
        return (Vector256.ConvertToSingle(lower), Vector256.ConvertToSingle(upper));
    }
}
