namespace TailorKV.Benchmarks.Planner;

/// <summary>One run, for what takes minutes.</summary>
public sealed class OneRun() : WholeRuns(warmUps: 0, runs: 1);
