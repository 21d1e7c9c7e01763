using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using TailorKV.Runtime.Numbers;

namespace TailorKV.Runtime.Weights.Blocks;

/// <summary>
/// Two halves of 128 numbers: 64 bytes each of low 4 bits, then 32 bytes each of high 2 bits; then sixteen signed 8-bit factors, one for 16
/// numbers, and a half-precision scale d: d * factor * (q - 32).
/// </summary>
internal readonly unsafe struct Q6_K : IBlocks
{
    private const int Factors = 16;

    public static int Elements => 256;

    public static int Bytes => 210;

    public static int Group => 16;

    public static int CodeBits => 6;

    public static int Bias => 32;

    public static bool HasOffsets => false;

    public static int ScaleBytes => SixteenRows.Count * (sizeof(ushort) + Factors);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Read<TSink>(byte* block, ref TSink sink)
        where TSink : struct, ICodeSink
    {
        float scale = HalfFloat.Read(block + 208, 0);
        sbyte* factors = (sbyte*)block + 192;
        Vector128<sbyte> bias = Vector128.Create((sbyte)Bias);
        for (int i = 0; i < 128; i += 16)
        {
            // The 16 bytes at i hold the low bits of the 16 numbers at first and, 64 further, of 16 more.
            int first = i / 64 * 128 + i % 64;
            Vector128<byte> low = Vector128.Load(block + i);
            Vector128<byte> high = Vector128.Load(block + 128 + i / 64 * 32 + i % 32) >>> (i % 64 / 32 * 2);
            Vector128<byte> two = Vector128.Create((byte)3);
            Vector128<sbyte> codes0 = (Codes.Low(low) | (high & two) << 4).AsSByte();
            Vector128<sbyte> codes1 = (Codes.High(low) | (high >>> 4 & two) << 4).AsSByte();
            sink.Take(first, codes0 - bias, scale * factors[first / 16]);
            sink.Take(first + 64, codes1 - bias, scale * factors[first / 16 + 4]);
        }
    }

    public static void PutScales(byte* block, int row, byte* scales)
    {
        SixteenRows.PutHalves(block + 208, 1, row, scales);
        for (int group = 0; group < Factors; group++)
            scales[(SixteenRows.Count * (sizeof(ushort) + group)) + row] = block[192 + group];
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SixteenRows Scales(byte* scales, int group) => SixteenRows.OfHalves(scales) * SixteenRows.OfSignedBytes(scales + (SixteenRows.Count * (sizeof(ushort) + group)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SixteenRows Offsets(byte* scales, int group) => default;

    public static void DecodePlain(ReadOnlySpan<byte> source, Span<float> destination)
    {
        for (; destination.Length > 0; source = source[Bytes..], destination = destination[256..])
        {
            float scale = (float)BitConverter.ToHalf(source[208..]);
            for (int i = 0; i < 256; i++)
            {
                int half = i / 128, quarter = i % 128 / 32;
                int low = (source[half * 64 + quarter % 2 * 32 + i % 32] >> (quarter / 2 * 4)) & 15;
                int high = (source[128 + half * 32 + i % 32] >> (quarter * 2)) & 3;
                destination[i] = (low + 16 * high - 32) * (scale * (sbyte)source[192 + i / 16]);
            }
        }
    }
}
