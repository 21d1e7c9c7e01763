using TailorKV.Cli.Output;
using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Profiles;

namespace TailorKV.Cli.Results;

/// <summary>What 'frontier --json' writes, and what the frontier's page shows.</summary>
internal sealed record FrontierResult(
    string Profile, string Model, int Context, int PrefillChunk, long FullCacheBytes, FrontierResult.Calibration Measured, IReadOnlyList<FrontierResult.Point> Points,
    IReadOnlyList<FrontierResult.Reference> References, string? Page)
{
    /// <summary>What the losses were measured on: windows of a context and a tail, and where their text came from.</summary>
    public sealed record Calibration(int Context, int Tail, int Windows, string Text, string? DerivedFrom);

    /// <summary>A plan to which no other is better in all of device bytes, loss and, where it counts, time.</summary>
    public sealed record Point(
        PlanResult.CacheSize Cache, PlanResult.DeviceMemory Device, PlanResult.HostMemory Host, double PredictedLoss, double? PredictedLossError, double? SecondsPerToken,
        IReadOnlyDictionary<string, int> LayersByMode, IReadOnlyList<PlanResult.Layer> Layers, string Command);

    /// <summary>A cache to compare with: device bytes of its caches and staging, and its predicted loss in nats per token.</summary>
    public sealed record Reference(string Name, long DeviceBytes, double PredictedLoss);

    /// <summary>Describes a frontier.</summary>
    /// <param name="profile">What was measured.</param>
    /// <param name="path">The profile's file.</param>
    /// <param name="plans">The frontier's plans with their predicted losses, from the fewest device bytes to the most; at least one.</param>
    /// <param name="baselines">Caches to compare with, besides the full one.</param>
    /// <param name="more">Options that make a point's plan, besides its bytes and context.</param>
    /// <param name="page">The page written, or null.</param>
    public static FrontierResult From(
        ModelProfile profile, string path, IReadOnlyList<Plan> plans, IReadOnlyList<Reference>? baselines = null, string more = "", string? page = null)
    {
        int context = plans[0].Target.Context;
        long fullBytes = PlanResult.Size(plans[0]).FullBytes;
        return new FrontierResult(
            path, profile.Model.Name, context, plans[0].PrefillChunk, fullBytes,
            new Calibration(profile.Context, profile.Tail, profile.Text.Windows, profile.Text.Source, profile.DerivedFrom),
            [.. plans.Select(plan =>
            {
                PlanResult result = PlanResult.From(plan, path);
                return new Point(
                    result.Cache, result.Device, result.Host, plan.PredictedLoss.GetValueOrDefault(), plan.PredictedLossError, result.Time?.Total, result.LayersByMode, result.Layers,
                    $"tailorkv plan {ShellWord.Quoted(path)} --vram {plan.Memory.Device} --context {context}{more}{StepLimit(plan)}");
            })],
            [.. FullCache(profile, fullBytes), .. baselines ?? []], page);
    }

    // The frontier's own limit or, in three dimensions, the point's time.
    private static string StepLimit(Plan plan) => plan.Target.StepSeconds is { } seconds ? $" --step-ms {seconds * 1000:R}" : "";

    private static IEnumerable<Reference> FullCache(ModelProfile profile, long bytes)
    {
        double[] losses = [.. profile.Layers.SelectMany(layer => layer.Options).Where(option => option.Policy is FullPolicy { Precision: ExactPrecision.BFloat16 }).Select(option => option.Loss)];
        if (losses.Length == profile.Layers.Count)
            yield return new Reference("full cache, bf16", bytes, losses.Sum());
    }
}
