using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace TailorKV.Runtime.Cache;

/// <summary>Finite fp16 numbers, widened in vectors: there is no intrinsic for it, and one by one they cost more than what is done with them.</summary>
internal static class HalfFloat
{
    // 2^112.
    private const float Rebias = 5192296858534827628530496329220096f;

    /// <summary>Widens; the plain twin is the conversion of <see cref="Half"/>.</summary>
    public static void Widen(ReadOnlySpan<Half> source, Span<float> destination)
    {
        ref ushort from = ref Unsafe.As<Half, ushort>(ref MemoryMarshal.GetReference(source));
        ref float to = ref MemoryMarshal.GetReference(destination[..source.Length]);
        int i = 0;
        for (; i <= source.Length - Vector256<float>.Count; i += Vector256<float>.Count)
        {
            Vector256<uint> half = Vector256.WidenLower(Vector128.LoadUnsafe(ref from, (nuint)i).ToVector256Unsafe());
            // The exponent is off by 127 - 15, which a product puts right, and small numbers with it.
            Vector256<float> size = ((half & Vector256.Create(0x7FFFu)) << 13).AsSingle() * Rebias;
            (size.AsUInt32() | ((half & Vector256.Create(0x8000u)) << 16)).AsSingle().StoreUnsafe(ref to, (nuint)i);
        }

        for (; i < source.Length; i++)
            Unsafe.Add(ref to, i) = (float)source[i];
    }
}
