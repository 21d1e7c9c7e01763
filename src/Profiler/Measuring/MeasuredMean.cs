namespace TailorKV.Profiler.Measuring;

/// <summary>A mean over the tokens judged, and how sure it is.</summary>
/// <param name="Value">The mean.</param>
/// <param name="Error">Its standard error, from the spread of the tokens: the noise floor. Infinite for a single token.</param>
internal readonly record struct MeasuredMean(double Value, double Error)
{
    /// <summary>The mean of what a first list has more than a second, token by token: what both have in common is no noise.</summary>
    public static MeasuredMean OfDifferences(IReadOnlyList<double> first, IReadOnlyList<double> second)
    {
        double[] differences = [.. first.Zip(second, (a, b) => a - b)];
        double mean = differences.Average();
        double squares = differences.Sum(difference => (difference - mean) * (difference - mean));
        return new MeasuredMean(mean, differences.Length > 1 ? Math.Sqrt(squares / (differences.Length - 1) / differences.Length) : double.PositiveInfinity);
    }

    /// <summary>What is to be believed of a quantity that was expected to be something: the mean where it is sure, the expectation where it is noise.</summary>
    /// <param name="expected">What was expected, give or take as much again; not negative.</param>
    /// <returns>A quarter of what was expected or more.</returns>
    public double ShrunkTowards(double expected)
    {
        // The weights of two normal estimates of one quantity, with a standard error of each.
        double trust = expected > 0 ? expected * expected / ((expected * expected) + (Error * Error)) : 0;
        return trust > 0 ? Math.Max(LeastOfExpected * expected, expected + (trust * (Value - expected))) : expected;
    }

    // Errors of several layers may cancel out, but nothing that costs alone is free.
    private const double LeastOfExpected = 0.25;
}
