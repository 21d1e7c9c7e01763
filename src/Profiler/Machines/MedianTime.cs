using System.Diagnostics;

namespace TailorKV.Profiler.Machines;

/// <summary>Times work: once warm, the median of several runs.</summary>
/// <param name="Repetitions">Runs that are timed.</param>
/// <param name="WarmUpSeconds">Seconds of runs before those; one run at least.</param>
internal sealed record MedianTime(int Repetitions, double WarmUpSeconds)
{
    /// <summary>Seconds of one run.</summary>
    public double Of(Action run, CancellationToken cancellation)
    {
        long start = Stopwatch.GetTimestamp();
        do
        {
            cancellation.ThrowIfCancellationRequested();
            run();
        }
        while (Stopwatch.GetElapsedTime(start).TotalSeconds < WarmUpSeconds);

        var seconds = new double[Repetitions];
        for (int i = 0; i < seconds.Length; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            start = Stopwatch.GetTimestamp();
            run();
            seconds[i] = Stopwatch.GetElapsedTime(start).TotalSeconds;
        }

        // A clock that ticks too seldom must not make anything infinitely fast.
        seconds.Sort();
        return Math.Max(seconds[seconds.Length / 2], 1.0 / Stopwatch.Frequency);
    }
}
