using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace TailorKV.Runtime.Weights.Blocks;

/// <summary>Two single-precision scales d, then 32 signed bytes q, of which each sixteen have one of the scales: d * q.</summary>
internal readonly unsafe struct I8_16 : IBlocks
{
    public static int Elements => 32;

    public static int Bytes => 40;

    public static int Group => 16;

    public static int CodeBits => 8;

    public static int Bias => 0;

    public static bool HasOffsets => false;

    public static int ScaleBytes => 2 * SixteenRows.Count * sizeof(float);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Read<TSink>(byte* block, ref TSink sink)
        where TSink : struct, ICodeSink
    {
        sink.Take(0, Vector128.Load((sbyte*)block + 8), ((float*)block)[0]);
        sink.Take(16, Vector128.Load((sbyte*)block + 24), ((float*)block)[1]);
    }

    public static void PutScales(byte* block, int row, byte* scales) => SixteenRows.PutSingles(block, 2, row, scales);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SixteenRows Scales(byte* scales, int group) => SixteenRows.OfSingles(scales + (SixteenRows.Count * sizeof(float) * group));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SixteenRows Offsets(byte* scales, int group) => default;

    public static void DecodePlain(ReadOnlySpan<byte> source, Span<float> destination)
    {
        for (; destination.Length > 0; source = source[Bytes..], destination = destination[Elements..])
        {
            for (int i = 0; i < Elements; i++)
                destination[i] = (sbyte)source[8 + i] * BitConverter.ToSingle(source[(i / 16 * 4)..]);
        }
    }
}
