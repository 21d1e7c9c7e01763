using System.Numerics;
using TailorKV.Torch.Numbers;
using TorchSharp;
using static TorchSharp.torch;

namespace TailorKV.Torch.Cache.Rows;

/// <summary>The orthonormal Hadamard matrix in Sylvester's order, on blocks of the largest power of two that divides the length. It is symmetric, so it is its own inverse.</summary>
internal static class Hadamard
{
    /// <summary>Rows turned, by the very sums and differences that the CPU backend turns them by.</summary>
    /// <param name="rows">[..., length].</param>
    public static Tensor Rotate(Tensor rows)
    {
        long[] shape = rows.shape;
        long block = 1L << BitOperations.TrailingZeroCount(shape[^1]);
        Tensor turned = rows;
        for (long half = 1; half < block; half *= 2)
        {
            Tensor pairs = turned.reshape(-1, 2, half), first = pairs.select(1, 0), second = pairs.select(1, 1);
            turned = stack([first.Plus(second), first - second], 1);
        }

        return turned.reshape(shape) * Held.Of(1 / MathF.Sqrt(block));
    }
}
