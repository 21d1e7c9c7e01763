using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using TailorKV.Runtime.Numbers;

namespace TailorKV.Runtime.Weights.Blocks;

/// <summary>A half-precision scale d, then 32 signed bytes q: d * q.</summary>
internal readonly unsafe struct Q8_0 : IBlocks
{
    public static int Elements => 32;

    public static int Bytes => 34;

    public static int Group => 32;

    public static int CodeBits => 8;

    public static int Bias => 0;

    public static bool HasOffsets => false;

    public static int ScaleBytes => SixteenRows.Count * sizeof(ushort);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Read<TSink>(byte* block, ref TSink sink)
        where TSink : struct, ICodeSink
    {
        float scale = HalfFloat.Read(block, 0);
        sink.Take(0, Vector128.Load((sbyte*)block + 2), scale);
        sink.Take(16, Vector128.Load((sbyte*)block + 18), scale);
    }

    public static void PutScales(byte* block, int row, byte* scales) => SixteenRows.PutHalves(block, 1, row, scales);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SixteenRows Scales(byte* scales, int group) => SixteenRows.OfHalves(scales);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SixteenRows Offsets(byte* scales, int group) => default;

    public static void DecodePlain(ReadOnlySpan<byte> source, Span<float> destination)
    {
        for (; destination.Length > 0; source = source[Bytes..], destination = destination[32..])
        {
            float scale = (float)BitConverter.ToHalf(source);
            for (int i = 0; i < 32; i++)
                destination[i] = (sbyte)source[2 + i] * scale;
        }
    }
}
