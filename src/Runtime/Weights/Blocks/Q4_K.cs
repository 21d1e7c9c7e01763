using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using TailorKV.Runtime.Numbers;

namespace TailorKV.Runtime.Weights.Blocks;

/// <summary>
/// Half-precision d and m, twelve bytes of 6-bit factors (<see cref="GroupFactors"/>), then 4-bit codes q: bytes 32j to 32j + 31 hold group 2j
/// low and group 2j + 1 high: d * scale * q - m * offset.
/// </summary>
internal readonly unsafe struct Q4_K : IBlocks
{
    public static int Elements => 256;

    public static int Bytes => 144;

    public static int Group => 32;

    public static int CodeBits => 4;

    public static int Bias => 0;

    public static bool HasOffsets => true;

    public static int ScaleBytes => GroupFactors.RowBytes;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Read<TSink>(byte* block, ref TSink sink)
        where TSink : struct, ICodeSink
    {
        (float scale, float offset) = (HalfFloat.Read(block, 0), HalfFloat.Read(block, 1));
        GroupFactors factors = new(block + 4);
        for (int group = 0; group < 8; group += 2)
        {
            float scale0 = scale * factors.Scale(group), offset0 = -(offset * factors.Offset(group));
            float scale1 = scale * factors.Scale(group + 1), offset1 = -(offset * factors.Offset(group + 1));
            Vector128<byte> first = Vector128.Load(block + 16 + 16 * group), second = Vector128.Load(block + 32 + 16 * group);
            sink.Take(32 * group, Codes.Low(first).AsSByte(), scale0, offset0);
            sink.Take((32 * group) + 16, Codes.Low(second).AsSByte(), scale0, offset0);
            sink.Take((32 * group) + 32, Codes.High(first).AsSByte(), scale1, offset1);
            sink.Take((32 * group) + 48, Codes.High(second).AsSByte(), scale1, offset1);
        }
    }

    public static void PutScales(byte* block, int row, byte* scales) => GroupFactors.Put(block, row, scales);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SixteenRows Scales(byte* scales, int group) => GroupFactors.Scales(scales, group);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SixteenRows Offsets(byte* scales, int group) => GroupFactors.Offsets(scales, group);

    public static void DecodePlain(ReadOnlySpan<byte> source, Span<float> destination)
    {
        for (; destination.Length > 0; source = source[Bytes..], destination = destination[256..])
        {
            float scale = (float)BitConverter.ToHalf(source);
            float offset = (float)BitConverter.ToHalf(source[2..]);
            for (int i = 0; i < 256; i++)
            {
                (int factor, int offsetFactor) = GroupFactors.Plain(source.Slice(4, 12), i / 32);
                int packed = source[16 + i / 64 * 32 + i % 32];
                int code = i / 32 % 2 == 0 ? packed & 15 : packed >> 4;
                destination[i] = code * (scale * factor) - offset * offsetFactor;
            }
        }
    }
}
