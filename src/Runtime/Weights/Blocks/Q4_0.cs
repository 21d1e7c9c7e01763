using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace TailorKV.Runtime.Weights.Blocks;

/// <summary>A half-precision scale d, then 32 codes q of 4 bits, of which byte i holds number i low and number i + 16 high: d * (q - 8).</summary>
internal static unsafe class Q4_0
{
    public const int BlockBytes = 18;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Decode(byte* source, float* destination, int count)
    {
        for (float* end = destination + count; destination < end; source += BlockBytes, destination += 32)
        {
            float scale = F16.ToSingle(source);
            Vector128<byte> packed = Vector128.Load(source + 2);
            Vector128<sbyte> eight = Vector128.Create((sbyte)8);
            Codes.Scale(Codes.Low(packed).AsSByte() - eight, scale, destination);
            Codes.Scale(Codes.High(packed).AsSByte() - eight, scale, destination + 16);
        }
    }

    public static void DecodePlain(ReadOnlySpan<byte> source, Span<float> destination)
    {
        for (; destination.Length > 0; source = source[BlockBytes..], destination = destination[32..])
        {
            float scale = (float)BitConverter.ToHalf(source);
            for (int i = 0; i < 16; i++)
            {
                destination[i] = ((source[2 + i] & 15) - 8) * scale;
                destination[i + 16] = ((source[2 + i] >> 4) - 8) * scale;
            }
        }
    }
}
