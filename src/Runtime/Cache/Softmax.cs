using System.Numerics.Tensors;

namespace TailorKV.Runtime.Cache;

/// <summary>Softmax of scores in place.</summary>
internal static class Softmax
{
    /// <summary>Each of the rows [n, stride] by itself.</summary>
    public static void Rows(Span<float> scores, int stride)
    {
        for (int start = 0; start < scores.Length; start += stride)
        {
            // Subtracting the largest first keeps exp in range, which the library's own softmax does not promise.
            Span<float> row = scores.Slice(start, stride);
            TensorPrimitives.Subtract(row, TensorPrimitives.Max(row), row);
            TensorPrimitives.Exp(row, row);
            TensorPrimitives.Divide(row, TensorPrimitives.Sum(row), row);
        }
    }
}
