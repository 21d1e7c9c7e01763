using TailorKV.Planner.Policies.Codes;

namespace TailorKV.Runtime.Cache.Kernels;

/// <summary>
/// Packs the codes of a row in blocks of 32, and those left over in a shorter one. The codes of a block lie in its bytes by turns: with n bytes, byte i holds the codes
/// i, n + i, 2n + i and so on, the first lowest, so that shifting all bytes alike brings codes in order. 3 bits lie as a block of each code's lower 2 bits and, after it, one of
/// the upper bits.
/// </summary>
internal static class CodePacking
{
    /// <summary>Codes of a whole block.</summary>
    public const int Block = 32;

    /// <summary>Packs a row.</summary>
    /// <param name="bits">Bits of a code: 1, 2, 3, 4 or 8.</param>
    /// <param name="codes">The codes, one a byte.</param>
    /// <param name="row">As many bytes as they take; bits past the last code become zero.</param>
    public static void Pack(int bits, ReadOnlySpan<byte> codes, Span<byte> row)
    {
        row.Clear();
        for (int first = 0; first < codes.Length; first += Block)
        {
            int count = Math.Min(Block, codes.Length - first);
            Span<byte> block = row[CodeFormat.PackedBytes(first, bits)..];
            for (int i = 0; i < count; i++)
            {
                byte code = codes[first + i];
                if (bits == 3)
                {
                    Put(block, 2, count, i, code & 3);
                    Put(block[CodeFormat.PackedBytes(count, 2)..], 1, count, i, code >> 2);
                }
                else
                {
                    Put(block, bits, count, i, code);
                }
            }
        }
    }

    /// <summary>One code of a row: the plain twin of <see cref="IBlockCodes"/>.</summary>
    /// <param name="bits">Bits of a code.</param>
    /// <param name="row">The row.</param>
    /// <param name="length">Codes of the row.</param>
    /// <param name="index">Which.</param>
    public static int Read(int bits, ReadOnlySpan<byte> row, int length, int index)
    {
        int first = index - (index % Block), count = Math.Min(Block, length - first);
        ReadOnlySpan<byte> block = row[CodeFormat.PackedBytes(first, bits)..];
        return bits == 3
            ? Get(block, 2, count, index - first) | (Get(block[CodeFormat.PackedBytes(count, 2)..], 1, count, index - first) << 2)
            : Get(block, bits, count, index - first);
    }

    private static void Put(Span<byte> block, int bits, int count, int index, int code)
    {
        int bytes = CodeFormat.PackedBytes(count, bits);
        block[index % bytes] |= (byte)(code << (index / bytes * bits));
    }

    private static int Get(ReadOnlySpan<byte> block, int bits, int count, int index)
    {
        int bytes = CodeFormat.PackedBytes(count, bits);
        return (block[index % bytes] >> (index / bytes * bits)) & ((1 << bits) - 1);
    }
}
