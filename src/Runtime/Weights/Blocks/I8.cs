using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace TailorKV.Runtime.Weights.Blocks;

/// <summary>Single-precision scale d and offset m, then signed bytes q: d * q + m.</summary>
internal readonly unsafe struct I8<TGroups> : IBlocks
    where TGroups : struct, IGroups
{
    public static int Elements => 32 * TGroups.Count;

    public static int Bytes => 8 + (32 * TGroups.Count);

    public static int Group => 32;

    public static int CodeBits => 8;

    public static int Bias => 0;

    public static bool HasOffsets => true;

    public static int ScaleBytes => 2 * SixteenRows.Count * sizeof(float);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Read<TSink>(byte* block, ref TSink sink)
        where TSink : struct, ICodeSink
    {
        (float scale, float offset) = (((float*)block)[0], ((float*)block)[1]);
        for (int at = 0; at < Elements; at += 16)
            sink.Take(at, Vector128.Load((sbyte*)block + 8 + at), scale, offset);
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
                destination[i] = (sbyte)source[8 + i] * scale + offset;
        }
    }
}
