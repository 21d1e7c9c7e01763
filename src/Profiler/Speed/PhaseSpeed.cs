namespace TailorKV.Profiler.Speed;

/// <summary>How fast a session reads a prompt, or decodes.</summary>
public sealed class PhaseSpeed
{
    private readonly TimedRun[] _runs;

    internal PhaseSpeed(int tokens, IEnumerable<TimedRun> runs)
    {
        Tokens = tokens;
        _runs = [.. runs.OrderBy(run => run.Elapsed)];
    }

    /// <summary>Tokens of a run.</summary>
    public int Tokens { get; }

    /// <summary>The run of median time.</summary>
    public TimedRun Median => _runs[_runs.Length / 2];

    /// <summary>Tokens per second of the run of median time.</summary>
    public double TokensPerSecond => Rate(Median);

    /// <summary>Tokens per second of every run, the fastest first.</summary>
    public IReadOnlyList<double> RunsTokensPerSecond => [.. _runs.Select(Rate)];

    // A clock that ticks too seldom must not make anything infinitely fast.
    private double Rate(TimedRun run) => Tokens / Math.Max(run.Elapsed.TotalSeconds, 1e-7);
}
