namespace TailorKV.Runtime.Cache.Kernels;

/// <summary>
/// Packs the codes of a row side by side in bytes, the lowest bits of a byte first. 3 bits lie as a plane of each code's lower 2 bits and, after it, a plane of the
/// upper one, so that every plane reads in whole bytes; 4 bits lie as <see cref="FourBits"/> says.
/// </summary>
internal static class CodePacking
{
    /// <summary>Packs a row.</summary>
    /// <param name="bits">Bits of a code: 1, 2, 3, 4 or 8.</param>
    /// <param name="codes">The codes, one a byte.</param>
    /// <param name="row">As many bytes as they take; bits past the last code become zero.</param>
    public static void Pack(int bits, ReadOnlySpan<byte> codes, Span<byte> row)
    {
        row.Clear();
        for (int i = 0; i < codes.Length; i++)
        {
            if (bits == 3)
            {
                Put(row, 2, i, codes[i] & 3);
                Put(row[ThreeBits.UpperPlane(codes.Length)..], 1, i, codes[i] >> 2);
            }
            else
            {
                Put(row, bits, bits == 4 ? FourBits.Place(codes.Length, i) : i, codes[i]);
            }
        }
    }

    private static void Put(Span<byte> plane, int bits, int place, int code) => plane[place * bits / 8] |= (byte)(code << (place * bits % 8));
}
