using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using TailorKV.Runtime.Numbers;

namespace TailorKV.Runtime.Weights.Blocks;

/// <summary>Half-precision scale d and offset m, then 32 codes q of 4 bits, of which byte i holds number i low and number i + 16 high: d * q + m.</summary>
internal readonly unsafe struct Q4_1 : IBlocks
{
    public static int Elements => 32;

    public static int Bytes => 20;

    public static int Group => 32;

    public static int CodeBits => 4;

    public static int Bias => 0;

    public static bool HasOffsets => true;

    public static int ScaleBytes => 2 * SixteenRows.Count * sizeof(ushort);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Read<TSink>(byte* block, ref TSink sink)
        where TSink : struct, ICodeSink
    {
        (float scale, float offset) = (HalfFloat.Read(block, 0), HalfFloat.Read(block, 1));
        Vector128<byte> packed = Vector128.Load(block + 4);
        sink.Take(0, Codes.Low(packed).AsSByte(), scale, offset);
        sink.Take(16, Codes.High(packed).AsSByte(), scale, offset);
    }

    public static void PutScales(byte* block, int row, byte* scales) => SixteenRows.PutHalves(block, 2, row, scales);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SixteenRows Scales(byte* scales, int group) => SixteenRows.OfHalves(scales);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SixteenRows Offsets(byte* scales, int group) => SixteenRows.OfHalves(scales + (SixteenRows.Count * sizeof(ushort)));

    public static void DecodePlain(ReadOnlySpan<byte> source, Span<float> destination)
    {
        for (; destination.Length > 0; source = source[Bytes..], destination = destination[32..])
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
