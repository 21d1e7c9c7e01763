using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Codes;

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
                ButterfliesWithinVectors(part);
                half = Vector256<float>.Count;
            }

            for (; half * 8 <= block; half *= 8)
                ButterfliesOfEight(part, half);
            for (; half < block; half *= 2)
            {
                for (int pair = 0; pair < block; pair += 2 * half)
                    Butterfly(part.Slice(pair, half), part.Slice(pair + half, half));
            }

            TensorPrimitives.Multiply(part, scale, part);
        }
    }

    /// <summary>Butterflies of elements 1, 2 and then 4 halves apart, whose numbers stay in registers meanwhile.</summary>
    private static void ButterfliesOfEight(Span<float> part, int half)
    {
        ref float first = ref MemoryMarshal.GetReference(part);
        nuint stride = (nuint)half;
        for (nuint start = 0; start < (nuint)part.Length; start += 8 * stride)
        {
            for (nuint i = start; i < start + stride; i += (nuint)Vector256<float>.Count)
            {
                Vector256<float> a = Vector256.LoadUnsafe(ref first, i), b = Vector256.LoadUnsafe(ref first, i + stride);
                Vector256<float> c = Vector256.LoadUnsafe(ref first, i + (2 * stride)), d = Vector256.LoadUnsafe(ref first, i + (3 * stride));
                Vector256<float> e = Vector256.LoadUnsafe(ref first, i + (4 * stride)), f = Vector256.LoadUnsafe(ref first, i + (5 * stride));
                Vector256<float> g = Vector256.LoadUnsafe(ref first, i + (6 * stride)), h = Vector256.LoadUnsafe(ref first, i + (7 * stride));
                (a, b, c, d) = (a + b, a - b, c + d, c - d);
                (e, f, g, h) = (e + f, e - f, g + h, g - h);
                (a, b, c, d) = (a + c, b + d, a - c, b - d);
                (e, f, g, h) = (e + g, f + h, e - g, f - h);
                (a + e).StoreUnsafe(ref first, i);
                (b + f).StoreUnsafe(ref first, i + stride);
                (c + g).StoreUnsafe(ref first, i + (2 * stride));
                (d + h).StoreUnsafe(ref first, i + (3 * stride));
                (a - e).StoreUnsafe(ref first, i + (4 * stride));
                (b - f).StoreUnsafe(ref first, i + (5 * stride));
                (c - g).StoreUnsafe(ref first, i + (6 * stride));
                (d - h).StoreUnsafe(ref first, i + (7 * stride));
            }
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
    private static void ButterfliesWithinVectors(Span<float> part)
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
