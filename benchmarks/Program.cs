using BenchmarkDotNet.Running;
using TailorKV.Benchmarks.Planner;
using TailorKV.Benchmarks.Speed;

// Everything but these four commands is BenchmarkDotNet's, as in: --filter *Planner*
if (args is ["growth", .. var rest])
{
    PlannerGrowth.Run(rest is [var folder] ? folder : Path.Combine("benchmarks", "results"));
    return 0;
}

if (args is ["step-limits", .. var folders])
{
    StepLimits.Run(folders is [var results] ? results : Path.Combine("benchmarks", "results"));
    return 0;
}

if (args is ["contexts", .. var options])
    return new ContextsCommand().Parse(options).Invoke();

if (args is ["beside", .. var beside])
    return new BesideCommand().Parse(beside).Invoke();

foreach (var summary in BenchmarkSwitcher.FromAssembly(typeof(PlannerBenchmarks).Assembly).Run(args))
    SeedSummary.Write(summary, Console.Out);

return 0;
