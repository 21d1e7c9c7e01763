using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace TailorKV.Runtime.Weights.Blocks;

/// <summary>Half-precision scale d and offset m, then 32 codes q of 4 bits, of which byte i holds number i low and number i + 16 high: d * q + m.</summary>
internal static unsafe class Q4_1
{
    public const int BlockBytes = 20;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Decode(byte* source, float* destination, int count)
    {
        for (float* end = destination + count; destination < end; source += BlockBytes, destination += 32)
        {
            (float scale, float offset) = F16.ToSinglePair(source);
            Vector128<byte> packed = Vector128.Load(source + 4);
            Codes.Scale(Codes.Low(packed).AsSByte(), scale, offset, destination);
            Codes.Scale(Codes.High(packed).AsSByte(), scale, offset, destination + 16);
        }
    }

    public static void DecodePlain(ReadOnlySpan<byte> source, Span<float> destination)
    {
        for (; destination.Length > 0; source = source[BlockBytes..], destination = destination[32..])
        {
            float scale = (float)BitConverter.ToHalf(source);
            float offset = (float)BitConverter.ToHalf(source[2..]);
            for (int i = 0; i < 16; i++)
            {
                destination[i] = (source[4 + i] & 15) * scale + offset;
                destination[i + 16] = (source[4 + i] >> 4) * scale + offset;
            }
        }
    }
}
