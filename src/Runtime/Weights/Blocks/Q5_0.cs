using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using TailorKV.Runtime.Numbers;

namespace TailorKV.Runtime.Weights.Blocks;

/// <summary>
/// A half-precision scale d, 32 fifth bits, then the low 4 bits of 32 codes q, of which byte i holds number i low and number i + 16 high:
/// d * (q - 16).
/// </summary>
internal readonly unsafe struct Q5_0 : IBlocks
{
    public static int Elements => 32;

    public static int Bytes => 22;

    public static int Group => 32;

    public static int CodeBits => 5;

    public static int Bias => 16;

    public static bool HasOffsets => false;

    public static int ScaleBytes => SixteenRows.Count * sizeof(ushort);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Read<TSink>(byte* block, ref TSink sink)
        where TSink : struct, ICodeSink
    {
        float scale = HalfFloat.Read(block, 0);
        uint fifth = *(uint*)(block + 2);
        Vector128<byte> packed = Vector128.Load(block + 6);
        Vector128<sbyte> bias = Vector128.Create((sbyte)Bias);
        Vector128<sbyte> first = (Codes.Low(packed) | Codes.FifthBits(fifth)).AsSByte(), second = (Codes.High(packed) | Codes.FifthBits(fifth >> 16)).AsSByte();
        sink.Take(0, first - bias, scale);
        sink.Take(16, second - bias, scale);
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
            uint fifth = BitConverter.ToUInt32(source[2..]);
            for (int i = 0; i < 32; i++)
            {
                int low = i < 16 ? source[6 + i] & 15 : source[6 + i - 16] >> 4;
                destination[i] = (low + 16 * (int)((fifth >> i) & 1) - 16) * scale;
            }
        }
    }
}
