using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace TailorKV.Runtime.Weights.Blocks;

/// <summary>bfloat16: the upper halves of single-precision numbers, little-endian.</summary>
internal static unsafe class BF16
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Decode(byte* source, float* destination, int count)
    {
        int i = 0;
        for (; i <= count - 16; i += 16)
        {
            (Vector256<uint> lower, Vector256<uint> upper) = Vector256.Widen(Vector256.Load((ushort*)source + i));
            (lower << 16).AsSingle().Store(destination + i);
            (upper << 16).AsSingle().Store(destination + i + 8);
        }
        for (; i < count; i++)
            destination[i] = BitConverter.UInt32BitsToSingle((uint)((ushort*)source)[i] << 16);
    }

    public static void DecodePlain(ReadOnlySpan<byte> source, Span<float> destination)
    {
        for (int i = 0; i < destination.Length; i++)
            destination[i] = BitConverter.UInt32BitsToSingle((uint)BitConverter.ToUInt16(source[(2 * i)..]) << 16);
    }
}
