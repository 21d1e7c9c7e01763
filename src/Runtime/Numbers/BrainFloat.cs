using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace TailorKV.Runtime.Numbers;

/// <summary>bf16 (bfloat16): the upper half of an IEEE single, rounded to nearest, ties to even. It widens by a shift; of two that lie in a word, the upper one by a mask.</summary>
internal readonly unsafe struct BrainFloat : IElement
{
    private const int HalfBits = 16;
    private const int UpperHalf = unchecked((int)0xFFFF0000);

    public static int Bytes => sizeof(ushort);

    /// <summary>The plain twin of <see cref="Narrow"/>.</summary>
    public static ushort FromSingle(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return float.IsNaN(value) ? (ushort)((bits >> 16) | 0x40) : (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }

    /// <summary>One number widened.</summary>
    public static float ToSingle(ushort value) => BitConverter.UInt32BitsToSingle((uint)value << HalfBits);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Read(byte* row, nint index) => ToSingle(((ushort*)row)[index]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Read<TLanes>(byte* row, nint index)
        where TLanes : struct, ILanes<TLanes> => TLanes.ShiftLeft(TLanes.LoadInt16((short*)row + index), HalfBits);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ReadPair<TLanes>(byte* row, nint index, out TLanes first, out TLanes second)
        where TLanes : struct, ILanes<TLanes>
    {
        TLanes words = TLanes.Load((float*)((ushort*)row + index));
        (first, second) = (TLanes.ShiftLeft(words, HalfBits), words & TLanes.BroadcastBits(UpperHalf));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void InOrder<TLanes>(ref TLanes first, ref TLanes second)
        where TLanes : struct, ILanes<TLanes> => TLanes.Interleave(ref first, ref second);

    /// <summary>Widens.</summary>
    public static void Widen(ReadOnlySpan<ushort> source, Span<float> destination)
    {
        fixed (ushort* from = source)
        fixed (float* to = destination[..source.Length])
            Elements.Read<BrainFloat>((byte*)from, to, source.Length);
    }

    /// <summary>Rounds.</summary>
    public static void Narrow(ReadOnlySpan<float> source, Span<ushort> destination)
    {
        ref float from = ref MemoryMarshal.GetReference(source);
        ref ushort to = ref MemoryMarshal.GetReference(destination[..source.Length]);
        int i = 0;
        for (; i <= source.Length - Vector256<float>.Count; i += Vector256<float>.Count)
        {
            var numbers = Vector256.LoadUnsafe(ref from, (nuint)i);
            Vector256<uint> bits = numbers.AsUInt32(), upper = bits >>> 16;
            Vector256<uint> rounded = (bits + Vector256.Create(0x7FFFu) + (upper & Vector256<uint>.One)) >>> 16;
            rounded = Vector256.ConditionalSelect(Vector256.IsNaN(numbers).AsUInt32(), upper | Vector256.Create(0x40u), rounded);
            Vector128.Narrow(rounded.GetLower(), rounded.GetUpper()).StoreUnsafe(ref to, (nuint)i);
        }

        for (; i < source.Length; i++)
            Unsafe.Add(ref to, i) = FromSingle(Unsafe.Add(ref from, i));
    }
}
