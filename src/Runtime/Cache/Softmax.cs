using System.Numerics.Tensors;

namespace TailorKV.Runtime.Cache;

/// <summary>Softmax of scores in place, whole or with its division put off until the weighted sum is made: headDim numbers to divide in place of one for each token.</summary>
internal static class Softmax
{
    /// <summary>One row of scores to probabilities.</summary>
    public static void Probabilities(Span<float> row)
    {
        Exponentials(row);
        TensorPrimitives.Divide(row, TensorPrimitives.Sum(row), row);
    }

    /// <summary>Each of the rows [n, stride] by itself: scores to weights, exp(score - the row's largest).</summary>
    public static void Exponentials(Span<float> scores, int stride)
    {
        for (int start = 0; start < scores.Length; start += stride)
            Exponentials(scores.Slice(start, stride));
    }

    /// <summary>The same for one row.</summary>
    /// <returns>The largest score.</returns>
    public static float Exponentials(Span<float> row)
    {
        // Subtracting the largest first keeps exp in range.
        float largest = TensorPrimitives.Max(row);
        TensorPrimitives.Subtract(row, largest, row);
        TensorPrimitives.Exp(row, row);
        return largest;
    }

    /// <summary>Divides each of the outputs [n, headDim] by the sum of its row of weights [n, stride].</summary>
    public static void Divide(Span<float> outputs, int headDim, ReadOnlySpan<float> weights, int stride)
    {
        for (int start = 0, row = 0; start < outputs.Length; start += headDim, row += stride)
        {
            Span<float> output = outputs.Slice(start, headDim);
            TensorPrimitives.Divide(output, TensorPrimitives.Sum(weights.Slice(row, stride)), output);
        }
    }
}
