using TailorKV.Planner.Plans;
using TailorKV.Planner.Profiles;

namespace TailorKV.Planner.Baselines;

/// <summary>The best plan under some limits beside the baselines.</summary>
public sealed record Comparison
{
    /// <summary>The best plan.</summary>
    public required Plan Optimum { get; init; }

    /// <summary>The baselines, from few device bytes to many.</summary>
    public required IReadOnlyList<ComparedBaseline> Baselines { get; init; }

    /// <summary>Of the baselines that hold to the limits the one of least predicted loss; null where none that was measured does.</summary>
    public ComparedBaseline? BestFitting => Baselines.Where(one => one is { Fits: true, Loss: not null }).MinBy(one => one.Loss);

    /// <summary>Compares.</summary>
    /// <param name="profile">What was measured.</param>
    /// <param name="optimum">The best plan under the limits, made from this profile.</param>
    /// <param name="presets">Baselines besides those that every model has.</param>
    /// <param name="progress">Told the share done, 0 to 1.</param>
    /// <param name="cancellation">Ends the work with nothing.</param>
    public static Comparison Of(
        ModelProfile profile, Plan optimum, IReadOnlyList<Baseline> presets, IProgress<double>? progress = null, CancellationToken cancellation = default)
    {
        PlanTarget target = optimum.Target with { Goal = PlanGoal.LeastLoss };
        List<ComparedBaseline> compared = [];
        Baseline[] baselines = [.. BaselineCatalogue.For(profile, target, optimum.PrefillChunk), .. presets];
        foreach (Baseline baseline in baselines)
        {
            MemoryBreakdown memory = baseline.Memory(profile, target.Context, optimum.PrefillChunk, target.Batch);
            compared.Add(new ComparedBaseline
            {
                Baseline = baseline,
                Memory = memory,
                Loss = baseline.PredictedLoss(profile),
                Fits = baseline.Fits(profile, target, optimum.PrefillChunk),
                OptimumLoss = LeastLoss(profile, target with { DeviceBytes = memory.Device }, optimum.PrefillChunk, cancellation),
            });
            progress?.Report((double)compared.Count / baselines.Length);
        }

        return new Comparison { Optimum = optimum, Baselines = [.. compared.OrderBy(one => one.Memory.Device).ThenBy(one => one.Baseline.Name, StringComparer.Ordinal)] };
    }

    private static double? LeastLoss(ModelProfile profile, PlanTarget target, int prefillChunk, CancellationToken cancellation)
    {
        try
        {
            return new PlanBuilder(profile, target, new PlanOptions { PrefillChunks = [prefillChunk] }).Build(null, cancellation).PredictedLoss;
        }
        catch (InfeasiblePlanException)
        {
            return null;
        }
    }
}
