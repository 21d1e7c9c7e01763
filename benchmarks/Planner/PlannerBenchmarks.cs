using BenchmarkDotNet.Attributes;
using TailorKV.Planner.Plans;

namespace TailorKV.Benchmarks.Planner;

/// <summary>Plans under limits of device bytes, host bytes and time, solved to a gap of 0, and a frontier.</summary>
[Config(typeof(WholeRuns))]
public class PlannerBenchmarks
{
    private PlanningCase _large = null!;
    private PlanningCase _small = null!;

    [Params(1, 2, 3, 4, 5, 6, 7, 8)]
    public int Seed { get; set; }

    [GlobalSetup]
    public void MakeCases() => (_large, _small) = (PlanningCase.Make(Seed, 80, 200), PlanningCase.Make(Seed, 32, 60));

    [Benchmark(Description = "80 layers x 200 options")]
    public Plan Large() => _large.Solve();

    [Benchmark(Description = "32 layers x 60 options")]
    public Plan Small() => _small.Solve();

    [Benchmark(Description = "frontier of 50 points, 32 x 60")]
    public IReadOnlyList<Plan> SmallFrontier() => Frontier.Trace(_small.Profile, _small.Target with { DeviceBytes = null }, points: 50);
}
