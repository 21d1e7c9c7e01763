using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using TailorKV.Runtime.Weights.Blocks;

namespace TailorKV.Runtime.Backends.Cpu.Products.Interleaved;

/// <summary>
/// The codes of a group of sixteen rows that lie side by side, [words, rows] words of 32 bits. A word has the lower 4 bits of eight codes, of which pair k, the codes 2k and 2k + 1, are
/// the bits from 4k on of its halves; after all of those comes one with the upper bits of the pairs one after another, likewise in halves. Of codes of 8 bits a word has four:
/// the first pair in the lower bytes of its halves.
/// </summary>
internal static unsafe class InterleavedCodes<TBlocks>
    where TBlocks : struct, IBlocks
{
    /// <summary>Bytes of a word of all rows.</summary>
    public const int WordBytes = SixteenRows.Count * sizeof(uint);

    /// <summary>Codes of a word.</summary>
    public static int WordCodes
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TBlocks.CodeBits == 8 ? 4 : 8;
    }

    /// <summary>Words of a group.</summary>
    public static int Words
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TBlocks.Group / WordCodes;
    }

    /// <summary>Bytes of a group.</summary>
    public static int GroupBytes
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (Words + (TopBits == 0 ? 0 : 1)) * WordBytes;
    }

    // Upper bits that codes have in a word of their own.
    private static int TopBits
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TBlocks.CodeBits == 8 ? 0 : TBlocks.CodeBits - 4;
    }

    /// <summary>A pair of codes, less their bias, of eight rows.</summary>
    /// <param name="word">Their words.</param>
    /// <param name="tops">Their words of upper bits, from those of this word on.</param>
    /// <param name="pair">The pair's place in its word.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<short> Pair(Vector256<ushort> word, Vector256<ushort> tops, int pair)
    {
        if (TBlocks.CodeBits == 8)
            return (pair == 0 ? word << 8 : word).AsInt16() >> 8;
        Vector256<ushort> codes = word >>> (4 * pair);
        if (pair < 3)
            codes &= Vector256.Create((ushort)15);
        if (TopBits > 0)
            codes |= ((tops >>> (TopBits * pair)) & Vector256.Create((ushort)((1 << TopBits) - 1))) << 4;
        return TBlocks.Bias == 0 ? codes.AsInt16() : codes.AsInt16() - Vector256.Create((short)TBlocks.Bias);
    }

    /// <summary>A word of the upper bits of eight rows; zeros where there are none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<ushort> Tops(byte* group, int half) =>
        TopBits == 0 ? default : Vector256.Load((ushort*)(group + (Words * WordBytes) + (half * WordBytes / 2)));

    /// <summary>The same from the next word's on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<ushort> Next(Vector256<ushort> tops) => TopBits == 0 ? tops : tops >>> (TopBits * WordCodes / 2);

    /// <summary>Writes eight codes of a row.</summary>
    /// <param name="group">The group, which is zero where nothing has been written.</param>
    /// <param name="row">The row.</param>
    /// <param name="at">The place of the first code, a multiple of 8.</param>
    /// <param name="codes">One a byte.</param>
    public static void Put(byte* group, int row, int at, ulong codes)
    {
        uint* word = (uint*)(group + (at / WordCodes * WordBytes)) + row;
        if (TBlocks.CodeBits == 8)
        {
            word[0] = Paired((uint)codes);
            word[SixteenRows.Count] = Paired((uint)(codes >> 32));
            return;
        }

        word[0] = Gather(codes, 4);
        if (TopBits > 0)
            ((uint*)(group + (Words * WordBytes)))[row] |= Gather(codes >> 4, TopBits) << (at / 2 * TopBits);
    }

    // The second and the third byte change places.
    private static uint Paired(uint codes) => (codes & 0xFF0000FFu) | ((codes & 0xFF00u) << 8) | ((codes >> 8) & 0xFF00u);

    /// <summary>The lowest bits of eight bytes: those of the even ones in the lower half, one after another, those of the odd ones in the upper half.</summary>
    private static uint Gather(ulong codes, int bits) => GatherEven(codes, bits) | (GatherEven(codes >> 8, bits) << 16);

    private static uint GatherEven(ulong codes, int bits)
    {
        codes &= 0x0001000100010001UL * ((1UL << bits) - 1);
        codes = (codes | (codes >> (16 - bits))) & (0x0000000100000001UL * ((1UL << (2 * bits)) - 1));
        return (uint)(codes | (codes >> (32 - (2 * bits)))) & (uint)((1UL << (4 * bits)) - 1);
    }
}
