using TailorKV.Torch.Numbers;
using TorchSharp;
using static TorchSharp.torch;

namespace TailorKV.Torch.Cache;

/// <summary>Where the largest of each row's values lie. Libtorch's own selection does not promise which of equal ones it takes.</summary>
internal static class Largest
{
    /// <summary>The places of the largest values, in ascending order; of equal values the earlier ones.</summary>
    /// <param name="values">[rows, n].</param>
    /// <param name="count">How many of each row, up to n.</param>
    /// <returns>[rows, count], int64.</returns>
    public static Tensor Places(Tensor values, int count)
    {
        (long rows, long all) = (values.shape[0], values.shape[1]);
        if (count == 0 || count == all)
            return Arithmetic.Counted(count, ScalarType.Int64, values.device).expand(rows, count);
        // What is no number compares with nothing, and would leave too few.
        Tensor numbers = values.nan_to_num(float.MinValue, float.MaxValue, float.MinValue);
        Tensor least = numbers.topk(count, -1).values.narrow(-1, count - 1, 1), above = numbers.gt(least), equal = numbers.eq(least);
        Tensor chosen = above.logical_or(equal.logical_and(equal.cumsum(-1).le(above.sum(-1, keepdim: true).neg().Plus(Held.Of(count)))));
        return chosen.nonzero().select(1, 1).view(rows, count);
    }
}
