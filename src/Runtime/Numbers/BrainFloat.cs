using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace TailorKV.Runtime.Numbers;

/// <summary>bfloat16: the upper half of an IEEE single, rounded to nearest, ties to even.</summary>
internal static class BrainFloat
{
    /// <summary>The plain twin of <see cref="Narrow"/>.</summary>
    public static ushort FromSingle(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return float.IsNaN(value) ? (ushort)((bits >> 16) | 0x40) : (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }

    /// <summary>The plain twin of <see cref="Widen"/>.</summary>
    public static float ToSingle(ushort value) => BitConverter.UInt32BitsToSingle((uint)value << 16);

    public static void Widen(ReadOnlySpan<ushort> source, Span<float> destination)
    {
        ref ushort from = ref MemoryMarshal.GetReference(source);
        ref float to = ref MemoryMarshal.GetReference(destination[..source.Length]);
        int i = 0;
        for (; i <= source.Length - Vector256<float>.Count; i += Vector256<float>.Count)
        {
            Vector256<uint> wide = Vector256.WidenLower(Vector128.LoadUnsafe(ref from, (nuint)i).ToVector256Unsafe());
            Vector256.ShiftLeft(wide, 16).AsSingle().StoreUnsafe(ref to, (nuint)i);
        }

        for (; i < source.Length; i++)
            Unsafe.Add(ref to, i) = ToSingle(Unsafe.Add(ref from, i));
    }

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
