using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace TailorKV.Runtime.Weights.Blocks;

/// <summary>
/// Half-precision scale d and offset m, 32 fifth bits, then the low 4 bits of 32 codes q, of which byte i holds number i low and number i + 16
/// high: d * q + m.
/// </summary>
internal static unsafe class Q5_1
{
    public const int BlockBytes = 24;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Decode(byte* source, float* destination, int count)
    {
        for (float* end = destination + count; destination < end; source += BlockBytes, destination += 32)
        {
            (float scale, float offset) = F16.ToSinglePair(source);
            uint fifth = *(uint*)(source + 4);
            Vector128<byte> packed = Vector128.Load(source + 8);
            Codes.Scale((Codes.Low(packed) | Codes.FifthBits(fifth)).AsSByte(), scale, offset, destination);
            Codes.Scale((Codes.High(packed) | Codes.FifthBits(fifth >> 16)).AsSByte(), scale, offset, destination + 16);
        }
    }

    public static void DecodePlain(ReadOnlySpan<byte> source, Span<float> destination)
    {
        for (; destination.Length > 0; source = source[BlockBytes..], destination = destination[32..])
        {
            float scale = (float)BitConverter.ToHalf(source);
            float offset = (float)BitConverter.ToHalf(source[2..]);
            uint fifth = BitConverter.ToUInt32(source[4..]);
            for (int i = 0; i < 32; i++)
            {
                int low = i < 16 ? source[8 + i] & 15 : source[8 + i - 16] >> 4;
                destination[i] = (low + 16 * (int)((fifth >> i) & 1)) * scale + offset;
            }
        }
    }
}
