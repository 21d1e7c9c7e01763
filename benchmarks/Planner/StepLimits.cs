using Google.OrTools.ModelBuilder;
using TailorKV.Planner;
using TailorKV.Planner.Machines;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Profiles;
using TailorKV.Planner.Solver;
using TailorKV.Quality;

namespace TailorKV.Benchmarks.Planner;

/// <summary>How long plans under a time for each token take to be proved, by the planner and by solvers that are given the whole program.</summary>
internal static class StepLimits
{
    private const int Problems = 70;
    private const double Patience = 5;

    private static readonly string[] Profiles = ["llama-3.1-8b", "smollm2-135m-instruct"];

    // In the words of OR-Tools.
    private static readonly (string Name, string Solver)[] Others = [("CP-SAT", "sat"), ("SCIP", "scip"), ("HiGHS", "highs")];

    /// <summary>Measures, and writes step-limits.md.</summary>
    /// <param name="folder">Where to.</param>
    public static void Run(string folder)
    {
        var report = new Report("dotnet run -c Release --project benchmarks -- step-limits");
        report.Paragraph(
            $"{Problems} problems drawn with one seed from the shipped profiles: machine, context, share of the full cache on the device, and a time for each token between the shortest there is and that of the best plan without such a limit. "
            + $"Seconds of processor time until the best plan is proved; beside it the whole program in OR-Tools' integer solvers, one thread each, with {Patience:0} s by the clock: *none* where that did not do.");
        var random = new Random(20);
        ModelProfile[] profiles = [.. Profiles.Select(name => ModelProfile.Load(Path.Combine("plans", name, "profile.json")))];
        Row[] rows = [.. Enumerable.Range(0, Problems).Select(i => Measure(random, profiles[i % profiles.Length]))];
        report.Table(
            ["model", "machine", "context", "share", "ms", "planner", .. Others.Select(other => other.Name)],
            rows.Select(row => (string[])[.. row.Problem, $"{row.Planner:0.00}", .. row.Others.Select(seconds => seconds is { } proved ? $"{proved:0.00}" : "none")]));
        double[] sorted = [.. rows.Select(row => row.Planner).Order()];
        report.Paragraph(
            $"Planner: {rows.Length} of {rows.Length} proved, median {sorted[sorted.Length / 2]:0.00} s, longest {sorted[^1]:0.00} s. "
            + string.Join(
                " ", Others.Select((other, i) => $"{other.Name}: {rows.Count(row => row.Others[i] is not null)} of {rows.Length}; the planner is quicker in {rows.Count(row => !(row.Others[i] < row.Planner))}.")));
        Directory.CreateDirectory(folder);
        report.Write(Path.Combine(folder, "step-limits.md"));
    }

    private static Row Measure(Random random, ModelProfile profile)
    {
        string[] machines = [.. Machine.Shipped];
        int context = profile.Model.Shape.ContextLength >> random.Next(4);
        Machine machine = Machine.Load(machines[random.Next(machines.Length)]);
        (double share, double between) = (0.1 + (0.5 * random.NextDouble()), random.NextDouble());
        long fixedBytes = MemoryModel.Predict(profile.Model.Shape, profile.Model.WeightBytes, [], context, PlanTarget.DefaultPrefillChunk).FixedDevice;
        var target = new PlanTarget { Context = context, Machine = machine, DeviceBytes = fixedBytes + (long)(share * profile.Model.Shape.FullCacheBytes(context)) };
        double longest = new PlanBuilder(profile, target).Build().Time!.TotalNanoseconds / 1e9, shortest = PlanningCase.Shortest(profile, target);
        target = target with { StepSeconds = Math.Round((shortest + (between * (longest - shortest))) * 1e9) / 1e9 };

        var builder = new PlanBuilder(profile, target);
        double planner = Seconds(() => builder.Build() is { Solver.Gap: 0 } ? true : throw new InvalidOperationException("The plan is not proved to be the best."))!.Value;
        string text = MpsFile.Text(builder.Program(), profile.Model.Name);
        Console.Error.WriteLine($"{profile.Model.Name} {machine.Name} {context} {planner:0.00} s");
        return new Row(
            [profile.Model.Name, machine.Name, $"{context}", $"{share:0%}", $"{target.StepSeconds * 1000:0.###}"], planner, [.. Others.Select(other => Seconds(() => Solves(other.Solver, text)))]);
    }

    private static bool Solves(string name, string text)
    {
        using var program = new ModelBuilderHelper();
        program.ImportFromMpsString(text);
        using var solver = new ModelSolverHelper(name);
        solver.SetTimeLimitInSeconds(Patience);
        if (name == "sat")
            solver.SetSolverSpecificParameters("num_workers:1 linearization_level:2");
        solver.Solve(program);
        return solver.Status() == SolveStatus.OPTIMAL;
    }

    private static double? Seconds(Func<bool> solve)
    {
        TimeSpan before = Environment.CpuUsage.TotalTime;
        return solve() ? (Environment.CpuUsage.TotalTime - before).TotalSeconds : null;
    }

    /// <summary>One problem in words, and the seconds that each took.</summary>
    private sealed record Row(string[] Problem, double Planner, double?[] Others);
}
