using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace TailorKV.Runtime.Weights.Blocks;

/// <summary>Single-precision scale d and offset m, then 4-bit codes q of groups of 32, of each of which byte i holds number i low and number i + 16 high: d * q + m.</summary>
internal readonly unsafe struct I4<TGroups> : IBlocks
    where TGroups : struct, IGroups
{
    public static int Elements => 32 * TGroups.Count;

    public static int Bytes => 8 + (16 * TGroups.Count);

    public static int Group => 32;

    public static int CodeBits => 4;

    public static int Bias => 0;

    public static bool HasOffsets => true;

    public static int ScaleBytes => 2 * SixteenRows.Count * sizeof(float);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Read<TSink>(byte* block, ref TSink sink)
        where TSink : struct, ICodeSink
    {
        (float scale, float offset) = (((float*)block)[0], ((float*)block)[1]);
        for (int group = 0; group < TGroups.Count; group++)
        {
            Vector128<byte> packed = Vector128.Load(block + 8 + (16 * group));
            sink.Take(32 * group, Codes.Low(packed).AsSByte(), scale, offset);
            sink.Take((32 * group) + 16, Codes.High(packed).AsSByte(), scale, offset);
        }
    }

    public static void PutScales(byte* block, int row, byte* scales) => SixteenRows.PutSingles(block, 2, row, scales);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SixteenRows Scales(byte* scales, int group) => SixteenRows.OfSingles(scales);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SixteenRows Offsets(byte* scales, int group) => SixteenRows.OfSingles(scales + (SixteenRows.Count * sizeof(float)));

    public static void DecodePlain(ReadOnlySpan<byte> source, Span<float> destination)
    {
        for (; destination.Length > 0; source = source[Bytes..], destination = destination[Elements..])
        {
            (float scale, float offset) = (BitConverter.ToSingle(source), BitConverter.ToSingle(source[4..]));
            for (int i = 0; i < Elements; i++)
            {
                int packed = source[8 + (i / 32 * 16) + (i % 16)];
                destination[i] = (i % 32 < 16 ? packed & 15 : packed >> 4) * scale + offset;
            }
        }
    }
}
