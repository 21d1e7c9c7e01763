using System.Runtime.InteropServices;

namespace TailorKV.Runtime.Cache;

/// <summary>
/// Codes of 1, 2, 4 or 8 bits side by side in bytes: code i occupies bits [i * bits, (i + 1) * bits), the lowest bit of a byte first.
/// Unpacking looks a whole byte's codes up as floats in one table.
/// </summary>
internal static class CodePacking
{
    private static readonly float[][] Tables = [.. new[] { 1, 2, 4 }.Select(MakeTable)];

    /// <summary>Packs one byte a code into <paramref name="packed"/>; bits past the last code are zero.</summary>
    public static void Pack(ReadOnlySpan<byte> codes, int bits, Span<byte> packed)
    {
        packed.Clear();
        int perByte = 8 / bits;
        for (int i = 0; i < codes.Length; i++)
            packed[i / perByte] |= (byte)(codes[i] << (i % perByte * bits));
    }

    /// <summary>Unpacks as many codes as <paramref name="codes"/> holds.</summary>
    public static void Unpack(ReadOnlySpan<byte> packed, int bits, Span<float> codes)
    {
        if (bits == 8)
        {
            for (int i = 0; i < codes.Length; i++)
                codes[i] = packed[i];
            return;
        }

        int perByte = 8 / bits;
        ReadOnlySpan<float> table = Tables[bits >> 1];
        int whole = codes.Length / perByte;
        for (int i = 0; i < whole; i++)
            table.Slice(packed[i] * perByte, perByte).CopyTo(codes.Slice(i * perByte, perByte));
        for (int i = whole * perByte; i < codes.Length; i++)
            codes[i] = Code(packed, bits, i);
    }

    /// <summary>The plain twin of <see cref="Unpack"/>: one code.</summary>
    public static int Code(ReadOnlySpan<byte> packed, int bits, int index)
    {
        int perByte = 8 / bits;
        return (packed[index / perByte] >> (index % perByte * bits)) & ((1 << bits) - 1);
    }

    private static float[] MakeTable(int bits)
    {
        int perByte = 8 / bits;
        var table = new float[256 * perByte];
        for (int value = 0; value < 256; value++)
        {
            for (int i = 0; i < perByte; i++)
                table[(value * perByte) + i] = Code([(byte)value], bits, i);
        }

        return table;
    }
}
