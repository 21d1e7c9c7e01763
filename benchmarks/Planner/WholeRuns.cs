using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Engines;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Toolchains.InProcess.Emit;

namespace TailorKV.Benchmarks.Planner;

/// <summary>A few whole runs within the process, for planning takes milliseconds to minutes.</summary>
public class WholeRuns : ManualConfig
{
    public WholeRuns()
        : this(warmUps: 1, runs: 5)
    {
    }

    protected WholeRuns(int warmUps, int runs)
    {
        AddJob(Job.Default.WithToolchain(InProcessEmitToolchain.Instance).WithStrategy(RunStrategy.Monitoring).WithWarmupCount(warmUps).WithIterationCount(runs).WithInvocationCount(1).WithUnrollFactor(1));
    }
}
