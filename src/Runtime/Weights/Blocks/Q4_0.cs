using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using TailorKV.Runtime.Numbers;

namespace TailorKV.Runtime.Weights.Blocks;

/// <summary>A half-precision scale d, then 32 codes q of 4 bits, of which byte i holds number i low and number i + 16 high: d * (q - 8).</summary>
internal readonly unsafe struct Q4_0 : IBlocks
{
    public static int Elements => 32;

    public static int Bytes => 18;

    public static int Group => 32;

    public static int CodeBits => 4;

    public static int Bias => 8;

    public static bool HasOffsets => false;

    public static int ScaleBytes => SixteenRows.Count * sizeof(ushort);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Read<TSink>(byte* block, ref TSink sink)
        where TSink : struct, ICodeSink
    {
        float scale = HalfFloat.Read(block, 0);
        Vector128<byte> packed = Vector128.Load(block + 2);
        Vector128<sbyte> bias = Vector128.Create((sbyte)Bias);
        sink.Take(0, Codes.Low(packed).AsSByte() - bias, scale);
        sink.Take(16, Codes.High(packed).AsSByte() - bias, scale);
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
            for (int i = 0; i < 16; i++)
            {
                destination[i] = ((source[2 + i] & 15) - 8) * scale;
                destination[i + 16] = ((source[2 + i] >> 4) - 8) * scale;
            }
        }
    }
}
