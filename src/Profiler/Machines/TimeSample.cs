namespace TailorKV.Profiler.Machines;

/// <summary>One kernel, or one transfer, at one size.</summary>
/// <param name="Amount">Multiply-adds or bytes of a run.</param>
/// <param name="Seconds">Seconds that the run took.</param>
/// <param name="TransferSeconds">Seconds of it that are known to go into something else, the host link.</param>
internal readonly record struct TimeSample(double Amount, double Seconds, double TransferSeconds = 0)
{
    private const double MostRate = 1e18;

    /// <summary>
    /// Constant seconds and a rate that minimize the sum of the squared relative errors of constant + amount / rate + transfer, so that small sizes
    /// count as much as large ones; neither is negative.
    /// </summary>
    /// <param name="samples">Samples of at least two amounts.</param>
    public static (double Seconds, double Rate) Fit(IEnumerable<TimeSample> samples)
    {
        double constants = 0, mixed = 0, slopes = 0, constantTarget = 0, slopeTarget = 0;
        foreach ((double amount, double seconds, double transfer) in samples)
        {
            double constant = 1 / seconds, slope = amount / seconds, target = 1 - (transfer / seconds);
            constants += constant * constant;
            mixed += constant * slope;
            slopes += slope * slope;
            constantTarget += constant * target;
            slopeTarget += slope * target;
        }

        double determinant = (constants * slopes) - (mixed * mixed);
        double fixedSeconds = ((slopes * constantTarget) - (mixed * slopeTarget)) / determinant;
        double secondsEach = ((constants * slopeTarget) - (mixed * constantTarget)) / determinant;
        if (fixedSeconds < 0)
            (fixedSeconds, secondsEach) = (0, slopeTarget / slopes);
        if (secondsEach < 1 / MostRate)
            (fixedSeconds, secondsEach) = (Math.Max(0, constantTarget / constants), 1 / MostRate);
        return (fixedSeconds, 1 / secondsEach);
    }
}
