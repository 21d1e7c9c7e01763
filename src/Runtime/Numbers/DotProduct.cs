using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace TailorKV.Runtime.Numbers;

/// <summary>A dot product whose steps are never fused. That of TensorPrimitives is, or is not, by how far the runtime has compiled it, so that two runs would differ in the last bits.</summary>
internal static class DotProduct
{
    public static float Of(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        ref float first = ref MemoryMarshal.GetReference(a), second = ref MemoryMarshal.GetReference(b[..a.Length]);
        nuint i = 0, length = (nuint)a.Length, count = (nuint)Vector256<float>.Count;
        // Four, so that no addition waits for the one before.
        Vector256<float> sums0 = default, sums1 = default, sums2 = default, sums3 = default;
        for (; i + (4 * count) <= length; i += 4 * count)
        {
            sums0 += Vector256.LoadUnsafe(ref first, i) * Vector256.LoadUnsafe(ref second, i);
            sums1 += Vector256.LoadUnsafe(ref first, i + count) * Vector256.LoadUnsafe(ref second, i + count);
            sums2 += Vector256.LoadUnsafe(ref first, i + (2 * count)) * Vector256.LoadUnsafe(ref second, i + (2 * count));
            sums3 += Vector256.LoadUnsafe(ref first, i + (3 * count)) * Vector256.LoadUnsafe(ref second, i + (3 * count));
        }

        for (; i + count <= length; i += count)
            sums0 += Vector256.LoadUnsafe(ref first, i) * Vector256.LoadUnsafe(ref second, i);
        float sum = Vector256.Sum(sums0 + sums1 + (sums2 + sums3));
        for (; i < length; i++)
            sum += Unsafe.Add(ref first, i) * Unsafe.Add(ref second, i);
        return sum;
    }

    /// <summary>In double precision, so that the order of summing hardly ever decides which number of single precision it rounds to.</summary>
    public static double Precisely(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        ref float first = ref MemoryMarshal.GetReference(a), second = ref MemoryMarshal.GetReference(b[..a.Length]);
        nuint i = 0, length = (nuint)a.Length, count = (nuint)Vector256<float>.Count;
        Vector256<double> lower = default, upper = default;
        for (; i + count <= length; i += count)
        {
            Vector256<float> x = Vector256.LoadUnsafe(ref first, i), y = Vector256.LoadUnsafe(ref second, i);
            lower += Vector256.WidenLower(x) * Vector256.WidenLower(y);
            upper += Vector256.WidenUpper(x) * Vector256.WidenUpper(y);
        }

        double sum = Vector256.Sum(lower + upper);
        for (; i < length; i++)
            sum += (double)Unsafe.Add(ref first, i) * Unsafe.Add(ref second, i);
        return sum;
    }
}
