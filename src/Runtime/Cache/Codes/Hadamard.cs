using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.Intrinsics;

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
                if (half < Vector256<float>.Count && block >= Vector256<float>.Count)
                {
                    TurnWithinVectors(part, half);
                    continue;
                }

                for (int pair = 0; pair < block; pair += 2 * half)
                    Butterfly(part.Slice(pair, half), part.Slice(pair + half, half));
            }

            TensorPrimitives.Multiply(part, scale, part);
        }
    }

    private static void Butterfly(Span<float> first, Span<float> second)
    {
        int i = 0;
        for (; i <= first.Length - Vector256<float>.Count; i += Vector256<float>.Count)
        {
            Vector256<float> a = Vector256.Create<float>(first[i..]), b = Vector256.Create<float>(second[i..]);
            (a + b).CopyTo(first[i..]);
            (a - b).CopyTo(second[i..]);
        }

        for (; i < first.Length; i++)
            (first[i], second[i]) = (first[i] + second[i], first[i] - second[i]);
    }

    /// <summary>Butterflies of elements <paramref name="half"/> apart, 1, 2 or 4, that lie in one vector: each element meets its partner, and that of the upper half is subtracted.</summary>
    private static void TurnWithinVectors(Span<float> part, int half)
    {
        Vector256<int> places = Vector256<int>.Indices;
        Vector256<int> partners = places ^ Vector256.Create(half);
        Vector256<int> negated = Vector256.Equals(places & Vector256.Create(half), Vector256.Create(half)) & Vector256.Create(int.MinValue);
        for (int i = 0; i < part.Length; i += Vector256<float>.Count)
        {
            Vector256<float> own = Vector256.Create<float>(part[i..]);
            (Vector256.Shuffle(own, partners) + (own.AsInt32() ^ negated).AsSingle()).CopyTo(part[i..]);
        }
    }
}
