namespace TailorKV.Profiler.Measuring;

/// <summary>A mean over the tokens judged, and how sure it is.</summary>
/// <param name="Value">The mean.</param>
/// <param name="Error">Its standard error: the noise floor. Infinite where there is nothing to take it from, a single token or block.</param>
internal readonly record struct MeasuredMean(double Value, double Error)
{
    // Losses of neighbouring tokens are alike; those of tokens further apart hardly are.
    private const int BlockTokens = 16;

    /// <summary>
    /// The mean over the tokens judged in one window. Its error is that of a mean over blocks of 16 consecutive tokens, not of tokens, as the losses of neighbours are alike:
    /// with sums s_b over the n_b tokens of each of B blocks, N tokens in all and the mean m, the square root of B / (B - 1) sum_b (s_b - n_b m)^2 / N^2, a standard error that is robust to clusters
    /// (Liang and Zeger 1986; Cameron and Miller 2015).
    /// </summary>
    /// <param name="losses">The loss of each token, in their order.</param>
    public static MeasuredMean OfWindow(ReadOnlySpan<double> losses)
    {
        double sum = 0;
        foreach (double loss in losses)
            sum += loss;
        double mean = sum / losses.Length, squares = 0;
        int blocks = losses.Length / BlockTokens;
        if (blocks < 2)
            return new MeasuredMean(mean, double.PositiveInfinity);
        for (int block = 0; block < blocks; block++)
        {
            // What is left of whole blocks is spread over them.
            double deviation = 0;
            foreach (double loss in losses[(int)((long)block * losses.Length / blocks)..(int)((block + 1L) * losses.Length / blocks)])
                deviation += loss - mean;
            squares += deviation * deviation;
        }

        return new MeasuredMean(mean, Math.Sqrt(blocks / (blocks - 1.0) * squares) / losses.Length);
    }

    /// <summary>
    /// The mean over windows of as many tokens each. Its error is the larger of two: that of the blocks within the windows, which is steady and blind to what windows differ by, and that of
    /// the windows' means among each other, which sees this too and, of few windows, is itself unsure.
    /// </summary>
    /// <param name="windows">Each window's mean, as <see cref="OfWindow"/> gives it.</param>
    public static MeasuredMean OfWindows(IReadOnlyList<MeasuredMean> windows)
    {
        double mean = windows.Sum(window => window.Value) / windows.Count;
        double within = Math.Sqrt(windows.Sum(window => window.Error * window.Error)) / windows.Count;
        if (windows.Count < 2)
            return new MeasuredMean(mean, within);
        double between = Math.Sqrt(windows.Sum(window => (window.Value - mean) * (window.Value - mean)) / windows.Count / (windows.Count - 1));
        return new MeasuredMean(mean, double.IsFinite(within) ? Math.Max(within, between) : between);
    }

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
