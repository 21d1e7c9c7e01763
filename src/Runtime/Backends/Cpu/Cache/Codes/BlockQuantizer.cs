using System.Runtime.Intrinsics;
using TailorKV.Runtime.Backends.Cpu.Cache.Packs;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Codes;

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
        int i = 0;
        for (; i <= values.Length - Vector256<float>.Count; i += Vector256<float>.Count)
        {
            Vector256<float> code = Vector256.Create(values[i..]) * inverse, half = Vector256.Create(0.5f);
            if (bits == 8)
            {
                // Away from zero where it lies halfway.
                Vector256<float> magnitude = Vector256.Abs(code), whole = Vector256.Floor(magnitude);
                whole += Vector256.GreaterThanOrEqual(magnitude - whole, half) & Vector256<float>.One;
                code = Vector256.CopySign(whole, code) + Vector256.Create((float)offset);
            }
            else
            {
                code = Vector256.Floor(code + Vector256.Create((float)offset) + half);
            }

            CodeBytes.Store(Vector256.Clamp(code, Vector256<float>.Zero, Vector256.Create((2f * offset) - 1)), codes[i..]);
        }

        for (; i < values.Length; i++)
        {
            float code = values[i] * inverse;
            code = bits == 8 ? MathF.Round(code, MidpointRounding.AwayFromZero) + offset : MathF.Floor(code + offset + 0.5f);
            codes[i] = (byte)Math.Clamp(code, 0, (2 * offset) - 1);
        }

        return stored;
    }
}
