namespace TailorKV.Runtime.Cache.Codes;

/// <summary>
/// Symmetric codes of one block as llama.cpp's cache types have them. 8 bits (q8_0): scale = max |x| / 127, code = round(x / scale). 4 bits (q4_0):
/// scale = the element of largest magnitude (the first of two) / -8, code = floor(x / scale + 1/2), at most 7. Codes are chosen for the scale before it is
/// rounded to fp16, and stored with 2^(bits - 1) added.
/// </summary>
internal static class BlockQuantizer
{
    /// <summary>Codes a block.</summary>
    /// <param name="values">The block's elements; finite.</param>
    /// <param name="bits">Bits of a code: 4 or 8.</param>
    /// <param name="codes">One code a byte.</param>
    public static Half Encode(ReadOnlySpan<float> values, int bits, Span<byte> codes)
    {
        int offset = 1 << (bits - 1);
        float largest = 0;
        foreach (float value in values)
            largest = Math.Abs(value) > Math.Abs(largest) ? value : largest;
        float scale = Math.Clamp(bits == 8 ? Math.Abs(largest) / 127 : largest / -8, (float)Half.MinValue, (float)Half.MaxValue);
        var stored = (Half)scale;
        // A scale that fp16 has no number for but zero decodes to zeros, whatever the codes; its inverse may be infinite.
        float inverse = stored == Half.Zero ? 0 : 1 / scale;
        for (int i = 0; i < values.Length; i++)
        {
            float code = values[i] * inverse;
            code = bits == 8 ? MathF.Round(code, MidpointRounding.AwayFromZero) + offset : MathF.Floor(code + offset + 0.5f);
            codes[i] = (byte)Math.Clamp(code, 0, (2 * offset) - 1);
        }

        return stored;
    }
}
