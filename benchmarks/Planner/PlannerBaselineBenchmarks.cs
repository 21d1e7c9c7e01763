using BenchmarkDotNet.Attributes;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Solver;

namespace TailorKV.Benchmarks.Planner;

/// <summary>The planner beside CP-SAT on the whole program, once each, for CP-SAT takes long.</summary>
[Config(typeof(OneRun))]
public class PlannerBaselineBenchmarks
{
    // The baseline is a comparison and not a test of patience: CP-SAT that takes longer counts as having taken this long.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private PlanningCase _case = null!;
    private IntegerProgram _program = null!;

    [Params(1, 2)]
    public int Seed { get; set; }

    [Params("32 x 60", "80 x 200")]
    public string Size { get; set; } = "";

    [GlobalSetup]
    public void MakeCase()
    {
        int[] size = [.. Size.Split(" x ").Select(int.Parse)];
        _case = PlanningCase.Make(Seed, size[0], size[1]);
        _program = new PlanBuilder(_case.Profile, _case.Target).Program();
    }

    [Benchmark(Baseline = true, Description = "CP-SAT on the whole program")]
    public Solution CpSat()
    {
        using var stop = new CancellationTokenSource(Patience);
        return CpSatSolver.Solve(_program, stop: stop.Token);
    }

    [Benchmark(Description = "planner")]
    public Plan Planner() => _case.Solve();
}
