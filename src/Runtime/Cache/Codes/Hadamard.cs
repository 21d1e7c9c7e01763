using System.Numerics;
using System.Numerics.Tensors;

namespace TailorKV.Runtime.Cache.Codes;

/// <summary>
/// The orthonormal Hadamard matrix in Sylvester's order, on blocks of the largest power of two that divides the length. It is symmetric, so it is its own
/// inverse.
/// </summary>
internal static class Hadamard
{
    /// <summary>Turns rows in place.</summary>
    /// <param name="rows">[n, length].</param>
    /// <param name="length">Elements of a row.</param>
    public static void Rotate(Span<float> rows, int length)
    {
        int block = 1 << BitOperations.TrailingZeroCount(length);
        float scale = 1 / MathF.Sqrt(block);
        for (int start = 0; start < rows.Length; start += block)
        {
            Span<float> part = rows.Slice(start, block);
            for (int half = 1; half < block; half *= 2)
            {
                for (int pair = 0; pair < block; pair += 2 * half)
                    Butterfly(part.Slice(pair, half), part.Slice(pair + half, half));
            }

            TensorPrimitives.Multiply(part, scale, part);
        }
    }

    private static void Butterfly(Span<float> first, Span<float> second)
    {
        for (int i = 0; i < first.Length; i++)
            (first[i], second[i]) = (first[i] + second[i], first[i] - second[i]);
    }
}
