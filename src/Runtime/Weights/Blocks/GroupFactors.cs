using System.Runtime.CompilerServices;

namespace TailorKV.Runtime.Weights.Blocks;

/// <summary>
/// The eight 6-bit scales and eight 6-bit offsets that <see cref="Q4_K"/> and <see cref="Q5_K"/> pack into twelve bytes b. For the first four
/// groups g they are the low bits of b[g] and b[g + 4]; for the others the halves of b[g + 4], with b[g - 4] and b[g] giving the two top bits.
/// </summary>
internal readonly unsafe struct GroupFactors
{
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

    public static (int Scale, int Offset) Plain(ReadOnlySpan<byte> packed, int group) => group < 4
        ? (packed[group] & 63, packed[group + 4] & 63)
        : ((packed[group + 4] & 15) | (packed[group - 4] >> 6 << 4), (packed[group + 4] >> 4) | (packed[group] >> 6 << 4));
}
