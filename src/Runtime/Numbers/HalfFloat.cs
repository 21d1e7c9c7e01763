using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace TailorKV.Runtime.Numbers;

/// <summary>
/// fp16 numbers, widened in vectors: there is no intrinsic for it, and one by one they cost more than what is done with them. With the bits moved to their place a
/// factor of 2^112 corrects the exponent's bias exactly, for subnormal numbers too; infinities and NaN get their exponent set.
/// </summary>
internal static class HalfFloat
{
    // 2^112.
    private const float Rebias = 5192296858534827628530496329220096f;

    // Of a half whose bits have moved to their place in a single: all but the sign, and the exponent, which infinities and NaN have full.
    private const int Magnitude = 0x0FFFE000;
    private const int FullExponent = 0x0F800000;
    private const int FullSingleExponent = 0x7F800000;

    /// <summary>Widens; the plain twin is the conversion of <see cref="Half"/>.</summary>
    public static void Widen(ReadOnlySpan<Half> source, Span<float> destination) => Widen(source, 1, destination);

    /// <summary>Widens, and multiplies with a factor.</summary>
    public static void Widen(ReadOnlySpan<Half> source, float factor, Span<float> destination)
    {
        ref short from = ref Unsafe.As<Half, short>(ref MemoryMarshal.GetReference(source));
        ref float to = ref MemoryMarshal.GetReference(destination[..source.Length]);
        int i = 0;
        for (; Avx512F.IsSupported && i <= source.Length - Vector512<float>.Count; i += Vector512<float>.Count)
            (Widen(Avx512F.ConvertToVector512Int32(Vector256.LoadUnsafe(ref from, (nuint)i))) * factor).StoreUnsafe(ref to, (nuint)i);
        for (; i <= source.Length - Vector256<float>.Count; i += Vector256<float>.Count)
            (Widen(Vector256.WidenLower(Vector128.LoadUnsafe(ref from, (nuint)i).ToVector256Unsafe())) * factor).StoreUnsafe(ref to, (nuint)i);

        for (; i < source.Length; i++)
            Unsafe.Add(ref to, i) = (float)source[i] * factor;
    }

    /// <summary>The largest magnitude; no number where there is one that is none.</summary>
    public static float LargestMagnitude(ReadOnlySpan<Half> halves)
    {
        ref short from = ref Unsafe.As<Half, short>(ref MemoryMarshal.GetReference(halves));
        Vector256<short> most = default;
        nuint i = 0, length = (nuint)halves.Length;
        // Magnitudes order as their bits do.
        for (; i + (nuint)Vector256<short>.Count <= length; i += (nuint)Vector256<short>.Count)
            most = Vector256.Max(most, Vector256.LoadUnsafe(ref from, i) & Vector256.Create(short.MaxValue));
        Vector128<short> eight = Vector128.Max(most.GetLower(), most.GetUpper());
        eight = Vector128.Max(eight, (eight.AsUInt64() >> 32).AsInt16());
        eight = Vector128.Max(eight, (eight.AsUInt64() >> 16).AsInt16());
        short largest = Math.Max(eight[0], eight[4]);
        for (; i < length; i++)
            largest = Math.Max(largest, (short)(Unsafe.Add(ref from, i) & short.MaxValue));
        return (float)BitConverter.Int16BitsToHalf(largest);
    }

    /// <summary>sums = source + others * factor.</summary>
    public static void AddScaled(ReadOnlySpan<Half> source, ReadOnlySpan<float> others, float factor, Span<float> sums)
    {
        ref short from = ref Unsafe.As<Half, short>(ref MemoryMarshal.GetReference(source));
        ref float other = ref MemoryMarshal.GetReference(others[..source.Length]), to = ref MemoryMarshal.GetReference(sums[..source.Length]);
        int i = 0;
        for (; Avx512F.IsSupported && i <= source.Length - Vector512<float>.Count; i += Vector512<float>.Count)
        {
            Vector512<float> numbers = Widen(Avx512F.ConvertToVector512Int32(Vector256.LoadUnsafe(ref from, (nuint)i)));
            Vector512.FusedMultiplyAdd(Vector512.LoadUnsafe(ref other, (nuint)i), Vector512.Create(factor), numbers).StoreUnsafe(ref to, (nuint)i);
        }

        for (; i <= source.Length - Vector256<float>.Count; i += Vector256<float>.Count)
        {
            Vector256<float> numbers = Widen(Vector256.WidenLower(Vector128.LoadUnsafe(ref from, (nuint)i).ToVector256Unsafe()));
            Vector256.FusedMultiplyAdd(Vector256.LoadUnsafe(ref other, (nuint)i), Vector256.Create(factor), numbers).StoreUnsafe(ref to, (nuint)i);
        }

        for (; i < source.Length; i++)
            Unsafe.Add(ref to, i) = MathF.FusedMultiplyAdd(others[i], factor, (float)source[i]);
    }

    /// <summary>Halves whose bits stand, sign extended, in the lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Widen(Vector512<int> halves)
    {
        Vector512<int> bits = halves << 13, magnitude = bits & Vector512.Create(Magnitude);
        Vector512<int> special = Vector512.GreaterThanOrEqual(magnitude, Vector512.Create(FullExponent)) & Vector512.Create(FullSingleExponent);
        return ((magnitude.AsSingle() * Rebias).AsInt32() | special | (bits & Vector512.Create(int.MinValue))).AsSingle();
    }

    /// <summary>The same times a factor of at most 2^15, where none is infinite or no number.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> WidenFinite(Vector512<int> halves, Vector512<float> factor)
    {
        Vector512<int> bits = halves << 13;
        return (((bits & Vector512.Create(Magnitude)).AsSingle() * (factor * Rebias)).AsInt32() | (bits & Vector512.Create(int.MinValue))).AsSingle();
    }

    /// <summary>The same as for sixteen, for eight.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Widen(Vector256<int> halves)
    {
        Vector256<int> bits = halves << 13, magnitude = bits & Vector256.Create(Magnitude);
        Vector256<int> special = Vector256.GreaterThanOrEqual(magnitude, Vector256.Create(FullExponent)) & Vector256.Create(FullSingleExponent);
        return ((magnitude.AsSingle() * Rebias).AsInt32() | special | (bits & Vector256.Create(int.MinValue))).AsSingle();
    }
}
