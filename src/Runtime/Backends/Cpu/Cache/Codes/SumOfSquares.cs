using System.Runtime.Intrinsics;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Codes;

/// <summary>
/// The sum of a row's squares in double precision, so that the order of summing hardly ever decides which of two halves it rounds to, and in the same order on every machine.
/// </summary>
internal static class SumOfSquares
{
    /// <summary>The sum.</summary>
    public static double Of(ReadOnlySpan<float> values)
    {
        Vector256<double> sums = default;
        int i = 0;
        for (; i <= values.Length - Vector256<float>.Count; i += Vector256<float>.Count)
        {
            (Vector256<double> lower, Vector256<double> upper) = Vector256.Widen(Vector256.Create(values[i..]));
            sums += (lower * lower) + (upper * upper);
        }

        double squares = Vector256.Sum(sums);
        for (; i < values.Length; i++)
            squares += (double)values[i] * values[i];
        return squares;
    }
}
