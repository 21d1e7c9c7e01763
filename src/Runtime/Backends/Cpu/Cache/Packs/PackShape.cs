using System.Buffers.Binary;
using System.Runtime.Intrinsics;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Packs;

/// <summary>
/// A pack: a matrix of codes [depths, lanes], whose products with factors are summed over depths. It lies in word rows: one word for each lane. A word is a pair of numbers, the first of
/// which holds codes of even depths and the second of odd ones, the first depth in the lowest bits. So one shift of a word row leaves, for each lane, a pair of codes that one instruction multiplies with a pair of
/// factors and adds; nothing is added across lanes. 3 bits lie as word rows of each code's lower 2 bits and, after all of those, word rows of its upper bit; 5 bits likewise, 4 and 1.
/// </summary>
/// <param name="Bits">Bits of a code: 1, 2, 3, 4, 5 or 8.</param>
/// <param name="NumberBytes">Bytes of a number: 1 where factors have 8 bits, 2 where they have 16.</param>
/// <param name="Depths">Depths: whole words.</param>
/// <param name="Lanes">Lanes.</param>
internal readonly unsafe record struct PackShape(int Bits, int NumberBytes, int Depths, int Lanes)
{
    // Codes that are written into words at a time.
    private const int Together = 8;

    /// <summary>Bytes of the pack.</summary>
    public int Bytes => Depths * Lanes * Bits / 8;

    /// <summary>Bytes from one word row to the next.</summary>
    public int WordRowBytes => Lanes * WordBytes;

    /// <summary>Bytes of a lane's word.</summary>
    public int WordBytes => 2 * NumberBytes;

    /// <summary>Depths of a word row: of 3 and 5 bits, of one of the lower bits.</summary>
    public int WordRowDepths => DepthsOf(LowerBits);

    /// <summary>Where the word rows of 3 and 5 bits' upper bits begin: after the lower bits of each code.</summary>
    public int UpperBytes => Depths * Lanes * LowerBits / 8;

    private bool HasUpperBit => Bits is 3 or 5;

    private int LowerBits => HasUpperBit ? Bits - 1 : Bits;

    // The upper bits begin at this bit of each byte and go round: shifting by one a pair brings the next where it joins the lower bits of 3, or is what it adds to the level of 5's.
    private int FirstUpperBit => Bits == 3 ? 2 : 1;

    /// <summary>Writes the codes of a lane, from the first depth on; of depths beyond them nothing is left in their words.</summary>
    public void PutLane(byte* pack, int lane, ReadOnlySpan<byte> codes)
    {
        byte* word = pack + (lane * WordBytes);
        // Upper bits go round within a byte: as many codes at a time as a byte of each number has.
        int together = HasUpperBit ? 2 * 8 / LowerBits : Math.Min(Together, WordRowDepths);
        for (int depth = 0; depth < codes.Length; depth += together)
        {
            ulong some = JoinCodes(codes[depth..Math.Min(depth + together, codes.Length)]);
            int inRow = depth % WordRowDepths;
            Put(word + (depth / WordRowDepths * WordRowBytes), some, LowerBits, inRow / 2 * LowerBits, clear: inRow == 0);
            if (HasUpperBit)
                Put(word + UpperRow(depth), some >> LowerBits, 1, UpperBit(depth), clear: depth % DepthsOf(1) == 0);
        }
    }

    /// <summary>Writes the codes of a depth, from the first lane on.</summary>
    public void PutDepth(byte* pack, int depth, ReadOnlySpan<byte> codes)
    {
        PutDepth(pack + (depth / WordRowDepths * WordRowBytes), codes, 0, LowerBits, depth, depth % WordRowDepths / 2 * LowerBits);
        if (HasUpperBit)
            PutDepth(pack + UpperRow(depth), codes, LowerBits, 1, depth, UpperBit(depth));
    }

    /// <summary>Reads a code: the plain twin of how vectors do it.</summary>
    public int Get(byte* pack, int lane, int depth)
    {
        byte* word = pack + (lane * WordBytes);
        int code = Get(word + (depth / WordRowDepths * WordRowBytes), LowerBits, depth, depth % WordRowDepths / 2 * LowerBits);
        return HasUpperBit ? code | (Get(word + UpperRow(depth), 1, depth, UpperBit(depth)) << LowerBits) : code;
    }

    private int DepthsOf(int bits) => WordBytes * 8 / bits;

    private int UpperRow(int depth) => UpperBytes + (depth / DepthsOf(1) * WordRowBytes);

    // A byte has, of one row's codes, as many upper bits as it has lower ones of them, and after those the next row's.
    private int UpperBit(int depth)
    {
        int inRow = depth % WordRowDepths / 2, row = depth % DepthsOf(1) / WordRowDepths, inByte = 8 / LowerBits;
        return (inRow / inByte * 8) + (((inRow % inByte) + (row * inByte) + FirstUpperBit) % 8);
    }

    /// <summary>Up to eight codes, one a byte.</summary>
    private static ulong JoinCodes(ReadOnlySpan<byte> codes)
    {
        if (codes.Length == Together)
            return BinaryPrimitives.ReadUInt64LittleEndian(codes);
        ulong some = 0;
        for (int i = 0; i < codes.Length; i++)
            some |= (ulong)codes[i] << (8 * i);
        return some;
    }

    /// <summary>Writes some bits of codes into a word: those of even depths into its first number, of odd ones into its second. Upper bits go round within their byte.</summary>
    private void Put(byte* word, ulong codes, int bits, int place, bool clear)
    {
        uint even = Gather(codes, bits), odd = Gather(codes >> 8, bits);
        if (bits != LowerBits)
            (even, odd, place) = (RotateByte(even, place % 8), RotateByte(odd, place % 8), place / 8 * 8);
        uint both = (even << place) | (odd << (place + (8 * NumberBytes)));
        if (NumberBytes == 1)
            *(ushort*)word = (ushort)(both | (clear ? 0u : *(ushort*)word));
        else
            *(uint*)word = both | (clear ? 0 : *(uint*)word);
    }

    /// <summary>The lowest bits of every other byte, side by side; of more than 4 of the first two.</summary>
    private static uint Gather(ulong codes, int bits)
    {
        codes &= 0x0001000100010001u * ((1u << bits) - 1);
        codes |= codes >> (16 - bits);
        return bits > 4 ? (ushort)codes : (uint)(codes | (codes >> (32 - (2 * bits)))) & ((1u << (4 * bits)) - 1);
    }

    private static uint RotateByte(uint bits, int places) => (byte)((bits << places) | (bits >> (8 - places)));

    private void PutDepth(byte* row, ReadOnlySpan<byte> codes, int fromBit, int bits, int depth, int bit)
    {
        int ones = (1 << bits) - 1, done = 0;
        // In whole words, eight at a time.
        if (WordBytes == sizeof(int))
        {
            int place = bit + (depth % 2 * 8 * NumberBytes);
            Vector256<int> kept = Vector256.Create(~(ones << place)), some = Vector256.Create(ones);
            for (; done <= codes.Length - Vector256<int>.Count; done += Vector256<int>.Count)
            {
                Vector128<ushort> eight = Vector128.WidenLower(Vector128.CreateScalarUnsafe(BinaryPrimitives.ReadUInt64LittleEndian(codes[done..])).AsByte());
                Vector256<int> put = ((Vector256.WidenLower(eight.ToVector256Unsafe()).AsInt32() >>> fromBit) & some) << place;
                byte* words = row + (done * WordBytes);
                ((Vector256.Load((int*)words) & kept) | put).Store((int*)words);
            }
        }

        byte* at = Byte(row, depth, bit) + (done * WordBytes);
        for (int inByte = bit % 8; done < codes.Length; done++, at += WordBytes)
            *at = (byte)((*at & ~(ones << inByte)) | (((codes[done] >> fromBit) & ones) << inByte));
    }

    private int Get(byte* word, int bits, int depth, int bit) => (*Byte(word, depth, bit) >> (bit % 8)) & ((1 << bits) - 1);

    private byte* Byte(byte* word, int depth, int bit) => word + (depth % 2 * NumberBytes) + (bit / 8);
}
