using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace TailorKV.Runtime.Weights.Blocks;

/// <summary>A half-precision scale d, then 32 signed bytes q: d * q.</summary>
internal static unsafe class Q8_0
{
    public const int BlockBytes = 34;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Decode(byte* source, float* destination, int count)
    {
        for (float* end = destination + count; destination < end; source += BlockBytes, destination += 32)
        {
            float scale = F16.ToSingle(source);
            Codes.Scale(Vector128.Load((sbyte*)source + 2), scale, destination);
            Codes.Scale(Vector128.Load((sbyte*)source + 18), scale, destination + 16);
        }
    }

    public static void DecodePlain(ReadOnlySpan<byte> source, Span<float> destination)
    {
        for (; destination.Length > 0; source = source[BlockBytes..], destination = destination[32..])
        {
            float scale = (float)BitConverter.ToHalf(source);
            for (int i = 0; i < 32; i++)
                destination[i] = (sbyte)source[2 + i] * scale;
        }
    }
}
