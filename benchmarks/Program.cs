using BenchmarkDotNet.Running;
using TailorKV.Benchmarks.Planner;

// Everything but this one command is BenchmarkDotNet's, as in: --filter *Planner*
if (args is ["growth", .. var rest])
{
    PlannerGrowth.Run(rest is [var folder] ? folder : Path.Combine("benchmarks", "results"));
    return;
}

foreach (var summary in BenchmarkSwitcher.FromAssembly(typeof(PlannerBenchmarks).Assembly).Run(args))
    SeedSummary.Write(summary, Console.Out);
