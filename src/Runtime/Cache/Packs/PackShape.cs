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
    // The upper bits of 3 begin at this bit of each number and go round, so that shifting by one a pair brings the next beside the lower bits.
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

    /// <summary>Writes a code.</summary>
    public void Put(byte* pack, int lane, int depth, int code)
    {
        byte* word = pack + (lane * WordBytes);
        Put(word + (depth / RowDepths * RowBytes), LowerBits, depth, depth % RowDepths / 2 * LowerBits, code);
        if (Bits == 3)
            Put(word + UpperRow(depth), 1, depth, UpperBit(depth), code >> LowerBits);
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

    private int UpperBit(int depth) => ((depth % DepthsOf(1) / 2) + FirstUpperBit) % (NumberBytes * 8);

    private void Put(byte* word, int bits, int depth, int bit, int code)
    {
        byte* at = Byte(word, depth, bit);
        int ones = (1 << bits) - 1, place = bit % 8;
        *at = (byte)((*at & ~(ones << place)) | ((code & ones) << place));
    }

    private int Get(byte* word, int bits, int depth, int bit) => (*Byte(word, depth, bit) >> (bit % 8)) & ((1 << bits) - 1);

    private byte* Byte(byte* word, int depth, int bit) => word + (depth % 2 * NumberBytes) + (bit / 8);
}
