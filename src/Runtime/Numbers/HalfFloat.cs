using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace TailorKV.Runtime.Numbers;

/// <summary>
/// f16: IEEE 754 half precision. There is no intrinsic that widens it, and the framework's conversion costs more than what is done with a number. With the bits moved to their place a
/// factor of 2^112 corrects the exponent's bias exactly, for subnormal numbers too; infinities and NaN get their exponent set.
/// </summary>
internal readonly unsafe struct HalfFloat : IElement
{
    // 2^112.
    private const float Rebias = 5192296858534827628530496329220096f;

    // From a half's bits to their place in a single: those of its magnitude, those of its sign too, and its exponent, which infinities and NaN have full.
    private const int Places = 13;
    private const int Magnitude = 0x0FFFE000;
    private const int SignAndMagnitude = unchecked((int)0x8FFFE000);
    private const int FullExponent = 0x0F800000;
    private const int FullSingleExponent = 0x7F800000;

    public static int Bytes => sizeof(ushort);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Read(byte* row, nint index)
    {
        int bits = ((short*)row)[index] << Places, kept = bits & SignAndMagnitude;
        return (bits & FullExponent) == FullExponent
            ? BitConverter.Int32BitsToSingle(kept | FullSingleExponent)
            : BitConverter.Int32BitsToSingle(kept) * Rebias;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Read<TLanes>(byte* row, nint index)
        where TLanes : struct, ILanes<TLanes>
    {
        TLanes bits = TLanes.ShiftLeft(TLanes.LoadInt16((short*)row + index), Places);
        // Those of no magnitude but a full exponent are no less: bits of magnitudes order as the numbers do that they stand for.
        TLanes exponent = TLanes.SelectLess(
            bits & TLanes.BroadcastBits(Magnitude), TLanes.BroadcastBits(FullExponent), default, TLanes.BroadcastBits(FullSingleExponent));
        return ((bits & TLanes.BroadcastBits(SignAndMagnitude)) * TLanes.Broadcast(Rebias)) | exponent;
    }

    /// <summary>A vector of elements from <paramref name="index"/> on, none of them infinite or no number, times a factor of at most 2^15: half of the work.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes ReadFinite<TLanes>(byte* row, nint index, TLanes factor)
        where TLanes : struct, ILanes<TLanes>
    {
        TLanes bits = TLanes.ShiftLeft(TLanes.LoadInt16((short*)row + index), Places);
        return (bits & TLanes.BroadcastBits(SignAndMagnitude)) * (factor * TLanes.Broadcast(Rebias));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ReadPair<TLanes>(byte* row, nint index, out TLanes first, out TLanes second)
        where TLanes : struct, ILanes<TLanes> => (first, second) = (Read<TLanes>(row, index), Read<TLanes>(row, index + TLanes.Count));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void InOrder<TLanes>(ref TLanes first, ref TLanes second)
        where TLanes : struct, ILanes<TLanes>
    {
    }

    /// <summary>Widens.</summary>
    public static void Widen(ReadOnlySpan<Half> source, Span<float> destination)
    {
        fixed (Half* from = source)
        fixed (float* to = destination[..source.Length])
            Elements.Read<HalfFloat>((byte*)from, to, source.Length);
    }

    /// <summary>Widens, and multiplies with a factor.</summary>
    public static void Widen(ReadOnlySpan<Half> source, float factor, Span<float> destination)
    {
        fixed (Half* halves = source)
        fixed (float* to = destination[..source.Length])
        {
            byte* from = (byte*)halves;
            nint i = 0, count = source.Length;
            if (Lanes512.IsSupported)
                Widen<Lanes512>(from, factor, to, ref i, count);
            Widen<Lanes256>(from, factor, to, ref i, count);
            for (; i < count; i++)
                to[i] = Read(from, i) * factor;
        }
    }

    /// <summary>sums = source + others * factor.</summary>
    public static void AddScaled(ReadOnlySpan<Half> source, ReadOnlySpan<float> others, float factor, Span<float> sums)
    {
        fixed (Half* halves = source)
        fixed (float* other = others[..source.Length], to = sums[..source.Length])
        {
            byte* from = (byte*)halves;
            nint i = 0, count = source.Length;
            if (Lanes512.IsSupported)
                AddScaled<Lanes512>(from, other, factor, to, ref i, count);
            AddScaled<Lanes256>(from, other, factor, to, ref i, count);
            for (; i < count; i++)
                to[i] = MathF.FusedMultiplyAdd(other[i], factor, Read(from, i));
        }
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

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Widen<TLanes>(byte* from, float factor, float* to, ref nint i, nint count)
        where TLanes : struct, ILanes<TLanes>
    {
        for (; i <= count - TLanes.Count; i += TLanes.Count)
            (Read<TLanes>(from, i) * TLanes.Broadcast(factor)).Store(to + i);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddScaled<TLanes>(byte* from, float* others, float factor, float* sums, ref nint i, nint count)
        where TLanes : struct, ILanes<TLanes>
    {
        for (; i <= count - TLanes.Count; i += TLanes.Count)
            TLanes.MultiplyAdd(TLanes.Load(others + i), TLanes.Broadcast(factor), Read<TLanes>(from, i)).Store(sums + i);
    }
}
