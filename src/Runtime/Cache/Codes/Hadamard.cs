using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
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
            int half = 1;
            if (block >= Vector256<float>.Count)
            {
                TurnWithinVectors(part);
                half = Vector256<float>.Count;
            }

            for (; half < block; half *= 2)
            {
                for (int pair = 0; pair < block; pair += 2 * half)
                    Butterfly(part.Slice(pair, half), part.Slice(pair + half, half));
            }

            TensorPrimitives.Multiply(part, scale, part);
        }
    }

    private static void Butterfly(Span<float> first, Span<float> second)
    {
        ref float one = ref MemoryMarshal.GetReference(first), other = ref MemoryMarshal.GetReference(second);
        nuint i = 0, length = (nuint)first.Length;
        for (; i + (nuint)Vector256<float>.Count <= length; i += (nuint)Vector256<float>.Count)
        {
            Vector256<float> a = Vector256.LoadUnsafe(ref one, i), b = Vector256.LoadUnsafe(ref other, i);
            (a + b).StoreUnsafe(ref one, i);
            (a - b).StoreUnsafe(ref other, i);
        }

        for (; i < length; i++)
            (Unsafe.Add(ref one, i), Unsafe.Add(ref other, i)) = (Unsafe.Add(ref one, i) + Unsafe.Add(ref other, i), Unsafe.Add(ref one, i) - Unsafe.Add(ref other, i));
    }

    /// <summary>Butterflies of elements 1, 2 and then 4 apart, which lie in one vector: each element meets its partner, and that of the upper half is subtracted.</summary>
    private static void TurnWithinVectors(Span<float> part)
    {
        ref float first = ref MemoryMarshal.GetReference(part);
        for (nuint i = 0; i < (nuint)part.Length; i += (nuint)Vector256<float>.Count)
        {
            Vector256<float> turned = Vector256.LoadUnsafe(ref first, i);
            turned = Vector256.Shuffle(turned, Vector256.Create(1, 0, 3, 2, 5, 4, 7, 6)) + (turned * Vector256.Create(1f, -1, 1, -1, 1, -1, 1, -1));
            turned = Vector256.Shuffle(turned, Vector256.Create(2, 3, 0, 1, 6, 7, 4, 5)) + (turned * Vector256.Create(1f, 1, -1, -1, 1, 1, -1, -1));
            turned = Vector256.Shuffle(turned, Vector256.Create(4, 5, 6, 7, 0, 1, 2, 3)) + (turned * Vector256.Create(1f, 1, 1, 1, -1, -1, -1, -1));
            turned.StoreUnsafe(ref first, i);
        }
    }
}
