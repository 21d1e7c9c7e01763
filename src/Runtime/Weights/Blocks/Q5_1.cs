using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using TailorKV.Runtime.Numbers;

namespace TailorKV.Runtime.Weights.Blocks;

/// <summary>
/// Half-precision scale d and offset m, 32 fifth bits, then the low 4 bits of 32 codes q, of which byte i holds number i low and number i + 16
/// high: d * q + m.
/// </summary>
internal readonly unsafe struct Q5_1 : IBlocks
{
    public static int Elements => 32;

    public static int Bytes => 24;

    public static int Group => 32;

    public static int CodeBits => 5;

    public static int Bias => 0;

    public static bool HasOffsets => true;

    public static int ScaleBytes => 2 * SixteenRows.Count * sizeof(ushort);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Read<TSink>(byte* block, ref TSink sink)
        where TSink : struct, ICodeSink
    {
        (float scale, float offset) = (HalfFloat.Read(block, 0), HalfFloat.Read(block, 1));
        uint fifth = *(uint*)(block + 4);
        Vector128<byte> packed = Vector128.Load(block + 8);
        Vector128<sbyte> first = (Codes.Low(packed) | Codes.FifthBits(fifth)).AsSByte(), second = (Codes.High(packed) | Codes.FifthBits(fifth >> 16)).AsSByte();
        sink.Take(0, first, scale, offset);
        sink.Take(16, second, scale, offset);
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
            uint fifth = BitConverter.ToUInt32(source[4..]);
            for (int i = 0; i < 32; i++)
            {
                int low = i < 16 ? source[8 + i] & 15 : source[8 + i - 16] >> 4;
                destination[i] = (low + 16 * (int)((fifth >> i) & 1)) * scale + offset;
            }
        }
    }
}
