using System.Numerics;

namespace TailorKV.Runtime.Cache.Kernels;

/// <summary>A dot product whose steps are never fused. That of TensorPrimitives is, or is not, by how far the runtime has compiled it, so that two runs would differ in the last bits.</summary>
internal static class DotProduct
{
    public static float Of(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        Vector<float> sums = default;
        int i = 0;
        for (; i <= a.Length - Vector<float>.Count; i += Vector<float>.Count)
            sums += new Vector<float>(a[i..]) * new Vector<float>(b[i..]);
        float sum = Vector.Sum(sums);
        for (; i < a.Length; i++)
            sum += a[i] * b[i];
        return sum;
    }
}
