namespace TailorKV.Runtime.Cache.Packs;

/// <summary>
/// A pack: a matrix of codes [depths, lanes], whose products with factors are summed over depths. It lies in rows of a word a lane. A word is a pair of numbers, the first of which
/// holds codes of even depths and the second of odd ones, the first lowest: what a shift brings down in a row is, for each lane, a pair that one instruction multiplies with a pair of
/// factors and adds; lanes never meet. 3 bits lie as rows of each code's lower 2 bits and, after all of those, rows of its upper bit.
/// </summary>
/// <param name="Bits">Bits of a code: 1, 2, 3, 4 or 8.</param>
/// <param name="NumberBytes">Bytes of a number: 1 where factors have 8 bits, 2 where they have 16.</param>
/// <param name="Depths">Depths: whole words.</param>
/// <param name="Lanes">Lanes.</param>
internal readonly unsafe record struct PackShape(int Bits, int NumberBytes, int Depths, int Lanes)
{
    // The upper bits of 3 begin at this bit of each byte and go round, so that shifting by one a pair brings the next beside the lower bits.
    private const int FirstUpperBit = 2;

    /// <summary>Bytes of the pack.</summary>
    public int Bytes => Depths * Lanes * Bits / 8;

    /// <summary>Bytes from one row to the next.</summary>
    public int RowBytes => Lanes * WordBytes;

    /// <summary>Bytes of a lane's word.</summary>
    public int WordBytes => 2 * NumberBytes;

    /// <summary>Depths of a row: of 3 bits, of one of the lower bits.</summary>
    public int RowDepths => DepthsOf(LowerBits);

    /// <summary>Where the rows of 3 bits' upper bits begin: after 2 bits of each code.</summary>
    public int UpperBytes => Depths * Lanes / 4;

    private int LowerBits => Bits == 3 ? 2 : Bits;

    /// <summary>Writes the codes of a lane, from the first depth on; of depths beyond them nothing is left.</summary>
    public void PutLane(byte* pack, int lane, ReadOnlySpan<byte> codes)
    {
        byte* word = pack + (lane * WordBytes);
        for (int depth = 0, row = 0; depth < codes.Length; depth += RowDepths, row++)
            PutWord(word + (row * RowBytes), codes[depth..Math.Min(codes.Length, depth + RowDepths)], 0, LowerBits);
        if (Bits != 3)
            return;
        int depths = DepthsOf(1);
        for (int depth = 0, row = 0; depth < codes.Length; depth += depths, row++)
            PutWord(word + UpperBytes + (row * RowBytes), codes[depth..Math.Min(codes.Length, depth + depths)], LowerBits, 1);
    }

    /// <summary>Writes the codes of a depth, from the first lane on.</summary>
    public void PutDepth(byte* pack, int depth, ReadOnlySpan<byte> codes)
    {
        PutDepth(pack + (depth / RowDepths * RowBytes), codes, 0, LowerBits, depth, depth % RowDepths / 2 * LowerBits);
        if (Bits == 3)
            PutDepth(pack + UpperRow(depth), codes, LowerBits, 1, depth, UpperBit(depth));
    }

    /// <summary>Reads a code: the plain twin of how vectors do it.</summary>
    public int Get(byte* pack, int lane, int depth)
    {
        byte* word = pack + (lane * WordBytes);
        int code = Get(word + (depth / RowDepths * RowBytes), LowerBits, depth, depth % RowDepths / 2 * LowerBits);
        return Bits == 3 ? code | (Get(word + UpperRow(depth), 1, depth, UpperBit(depth)) << LowerBits) : code;
    }

    private int DepthsOf(int bits) => WordBytes * 8 / bits;

    private int UpperRow(int depth) => UpperBytes + (depth / DepthsOf(1) * RowBytes);

    // A byte has, of one row's codes, as many upper bits as it has lower ones of them, and after those the next row's.
    private int UpperBit(int depth)
    {
        int inRow = depth % RowDepths / 2, row = depth % DepthsOf(1) / RowDepths;
        return (inRow / 4 * 8) + (((inRow % 4) + (row * 4) + FirstUpperBit) % 8);
    }

    /// <summary>A word of the bits of codes from one on.</summary>
    private void PutWord(byte* word, ReadOnlySpan<byte> codes, int fromBit, int bits)
    {
        int ones = (1 << bits) - 1, even = 0, odd = 0;
        for (int i = 0; i < codes.Length; i += 2)
        {
            int place = fromBit == 0 ? i / 2 * bits : UpperBit(i);
            even |= ((codes[i] >> fromBit) & ones) << place;
            if (i + 1 < codes.Length)
                odd |= ((codes[i + 1] >> fromBit) & ones) << place;
        }

        if (NumberBytes == 1)
            (word[0], word[1]) = ((byte)even, (byte)odd);
        else
            (((ushort*)word)[0], ((ushort*)word)[1]) = ((ushort)even, (ushort)odd);
    }

    private void PutDepth(byte* row, ReadOnlySpan<byte> codes, int fromBit, int bits, int depth, int bit)
    {
        byte* at = Byte(row, depth, bit);
        int ones = (1 << bits) - 1, place = bit % 8, kept = ~(ones << place);
        foreach (byte code in codes)
        {
            *at = (byte)((*at & kept) | (((code >> fromBit) & ones) << place));
            at += WordBytes;
        }
    }

    private int Get(byte* word, int bits, int depth, int bit) => (*Byte(word, depth, bit) >> (bit % 8)) & ((1 << bits) - 1);

    private byte* Byte(byte* word, int depth, int bit) => word + (depth % 2 * NumberBytes) + (bit / 8);
}
