using System.Runtime.CompilerServices;

namespace TailorKV.Runtime.Weights.Blocks;

/// <summary>
/// The eight 6-bit scales and eight 6-bit offsets that <see cref="Q4_K"/> and <see cref="Q5_K"/> pack into twelve bytes b. For the first four
/// groups g they are the low bits of b[g] and b[g + 4]; for the others the halves of b[g + 4], with b[g - 4] and b[g] giving the two top bits.
/// </summary>
internal readonly unsafe struct GroupFactors
{
    /// <summary>Bytes of what sixteen blocks side by side have of both halves and both factors.</summary>
    public const int RowBytes = SixteenRows.Count * ((2 * sizeof(ushort)) + (2 * Groups));

    private const int Groups = 8;
    private const int Halves = SixteenRows.Count * sizeof(ushort);

    private readonly ulong _scales;
    private readonly ulong _offsets;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public GroupFactors(byte* packed)
    {
        uint first = *(uint*)packed, second = *(uint*)(packed + 4), third = *(uint*)(packed + 8);
        _scales = (first & 0x3F3F3F3Fu) | (ulong)((third & 0x0F0F0F0Fu) | ((first >> 2) & 0x30303030u)) << 32;
        _offsets = (second & 0x3F3F3F3Fu) | (ulong)(((third >> 4) & 0x0F0F0F0Fu) | ((second >> 2) & 0x30303030u)) << 32;
    }

    public int Scale(int group) => (byte)(_scales >> (8 * group));

    public int Offset(int group) => (byte)(_offsets >> (8 * group));

    /// <summary>Puts a block's halves and its factors, each in a byte of its own, among those of other rows.</summary>
    public static void Put(byte* block, int row, byte* scales)
    {
        SixteenRows.PutHalves(block, 2, row, scales);
        GroupFactors factors = new(block + 4);
        byte* bytes = scales + (2 * Halves);
        for (int group = 0; group < Groups; group++)
        {
            bytes[(SixteenRows.Count * group) + row] = (byte)factors.Scale(group);
            bytes[(SixteenRows.Count * (Groups + group)) + row] = (byte)factors.Offset(group);
        }
    }

    /// <summary>d * scale of a group, for each row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SixteenRows Scales(byte* scales, int group) =>
        SixteenRows.OfHalves(scales) * SixteenRows.OfBytes(scales + (2 * Halves) + (SixteenRows.Count * group));

    /// <summary>-(m * offset) of a group, for each row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SixteenRows Offsets(byte* scales, int group) =>
        -(SixteenRows.OfHalves(scales + Halves) * SixteenRows.OfBytes(scales + (2 * Halves) + (SixteenRows.Count * (Groups + group))));

    public static (int Scale, int Offset) Plain(ReadOnlySpan<byte> packed, int group) => group < 4
        ? (packed[group] & 63, packed[group + 4] & 63)
        : ((packed[group + 4] & 15) | (packed[group - 4] >> 6 << 4), (packed[group + 4] >> 4) | (packed[group] >> 6 << 4));
}
