using System.Numerics.Tensors;
using System.Runtime.Intrinsics;
using TailorKV.Runtime.Backends.Cpu.Cache.Packs;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Codes;

/// <summary>
/// Asymmetric round to nearest for one group: zero = min, scale = (max - zero) / (2^bits - 1), code = clamp(round((x - zero) / scale)),
/// x' = scale * code + zero (KIVI, arXiv 2402.02750). Codes are chosen for the scale and zero as stored in fp16, so that rounding those adds as
/// little as it can.
/// </summary>
internal static class AffineQuantizer
{
    /// <summary>Codes a group.</summary>
    /// <param name="values">The group's elements; finite.</param>
    /// <param name="bits">Bits of a code.</param>
    /// <param name="codes">One code a byte.</param>
    public static (Half Scale, Half Zero) Encode(ReadOnlySpan<float> values, int bits, Span<byte> codes)
    {
        int levels = (1 << bits) - 1;
        float smallest = TensorPrimitives.Min(values);
        float largest = TensorPrimitives.Max(values);
        Half zero = Saturate(smallest);
        Half scale = Saturate((largest - (float)zero) / levels);
        float inverse = (float)scale > 0 ? 1 / (float)scale : 0;
        int i = 0;
        for (; i <= values.Length - Vector256<float>.Count; i += Vector256<float>.Count)
        {
            Vector256<float> code = Vector256.Round((Vector256.Create(values[i..]) - Vector256.Create((float)zero)) * inverse);
            CodeBytes.Store(Vector256.Clamp(code, Vector256<float>.Zero, Vector256.Create((float)levels)), codes[i..]);
        }

        for (; i < values.Length; i++)
            codes[i] = (byte)Math.Clamp(MathF.Round((values[i] - (float)zero) * inverse), 0, levels);
        return (scale, zero);
    }

    private static Half Saturate(float value) => (Half)Math.Clamp(value, (float)Half.MinValue, (float)Half.MaxValue);
}
