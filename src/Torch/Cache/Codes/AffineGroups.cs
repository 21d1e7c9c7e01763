using TailorKV.Torch.Numbers;
using TorchSharp;
using static TorchSharp.torch;

namespace TailorKV.Torch.Cache.Codes;

/// <summary>
/// Asymmetric round to nearest: zero = min, scale = (max - zero) / (2^bits - 1), both in fp16, code = clamp(round((x - zero) / scale)), x' = scale * code + zero, by the very roundings of the CPU backend
/// (KIVI, arXiv 2402.02750).
/// </summary>
internal static class AffineGroups
{
    /// <summary>Codes groups.</summary>
    /// <param name="groups">[..., elements].</param>
    /// <param name="bits">Bits of a code.</param>
    /// <returns>Scales and zeros, each [..., 1] in fp16, and codes, [..., elements], a byte each.</returns>
    public static (Tensor Scales, Tensor Zeros, Tensor Codes) Encode(Tensor groups, int bits)
    {
        int most = (1 << bits) - 1;
        Tensor zeros = Halves.OfSingle(groups.amin([-1], keepdim: true)), zero = zeros.to(ScalarType.Float32), range = groups.amax([-1], keepdim: true) - zero;
        // Divided by a tensor: by a number, CUDA multiplies with its inverse, which rounds otherwise.
        Tensor scales = Halves.OfSingle(range / full_like(range, Held.Of(most)));
        Tensor codes = ((groups - zero) * Inverse(scales.to(ScalarType.Float32))).round().clamp(Held.Of(0), Held.Of(most));
        return (scales, zeros, codes.to(ScalarType.Byte));
    }

    /// <summary>What positive numbers are divided by to be one, and nothing for others.</summary>
    /// <param name="sizes">The numbers.</param>
    public static Tensor Inverse(Tensor sizes) => sizes.reciprocal().masked_fill(sizes.gt(Held.Of(0)).logical_not(), Held.Of(0));
}
