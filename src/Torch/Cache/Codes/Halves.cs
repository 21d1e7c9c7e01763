using TailorKV.Torch.Numbers;
using TorchSharp;
using static TorchSharp.torch;

namespace TailorKV.Torch.Cache.Codes;

/// <summary>Numbers in fp16, which takes those beyond its range as its largest.</summary>
internal static class Halves
{
    private const float Most = 65504;

    /// <summary>Rounds numbers in single precision.</summary>
    /// <param name="numbers">The numbers.</param>
    public static Tensor OfSingle(Tensor numbers) => numbers.clamp(Held.Of(-Most), Held.Of(Most)).to(ScalarType.Float16);

    /// <summary>Rounds numbers in double precision, once: libtorch goes by way of single precision, which may put a number half way between two of fp16 that is not.</summary>
    /// <param name="numbers">The numbers.</param>
    public static Tensor OfDouble(Tensor numbers)
    {
        Tensor within = numbers.clamp(Held.Of(-Most), Held.Of(Most)), single = within.to(ScalarType.Float32), near = Rounded(single), other = (single * Held.Of(2)) - near;
        Tensor rest = within - single.to(ScalarType.Float64), halfway = Rounded(other).eq(other).logical_and(rest.ne(Held.Of(0)));
        return where(halfway, where(rest.gt(Held.Of(0)), near.maximum(other), near.minimum(other)), near).to(ScalarType.Float16);
    }

    private static Tensor Rounded(Tensor single) => single.to(ScalarType.Float16).to(ScalarType.Float32);
}
