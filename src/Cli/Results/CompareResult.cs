using TailorKV.Planner.Baselines;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Profiles;

namespace TailorKV.Cli.Results;

/// <summary>What 'compare --json' writes.</summary>
internal sealed record CompareResult(
    string Profile, string Model, int Context, int PrefillChunk, PlanResult.Limits Target, long FullBytes, CompareResult.OptimumRow Optimum,
    IReadOnlyList<CompareResult.BaselineRow> Baselines, CompareResult.Best? BestFitting)
{
    public sealed record OptimumRow(long DeviceBytes, double Share, long HostBytes, double Loss, IReadOnlyDictionary<string, int> LayersByMode);

    public sealed record BaselineRow(
        string Name, string Source, long DeviceBytes, double Share, long HostBytes, double? Loss, bool Fits, double? OptimumLoss, IReadOnlyList<int> UnmeasuredLayers);

    public sealed record Best(string Name, double Loss, double? OverOptimum);

    public static CompareResult From(Comparison comparison, ModelProfile profile, string path)
    {
        Plan optimum = comparison.Optimum;
        PlanResult.CacheSize size = PlanResult.Size(optimum);
        double loss = optimum.PredictedLoss!.Value;
        return new CompareResult(
            path, optimum.Model.Name, optimum.Target.Context, optimum.PrefillChunk, PlanResult.LimitsOf(optimum.Target), size.FullBytes,
            new OptimumRow(size.DeviceBytes, size.Share, optimum.Memory.HostCache, loss, PlanResult.ByMode(optimum)),
            [.. comparison.Baselines.Select(one =>
            {
                long stored = one.Memory.Cache + one.Memory.Staging;
                return new BaselineRow(
                    one.Baseline.Name, one.Baseline.Source, stored, (double)stored / size.FullBytes, one.Memory.HostCache, one.Loss, one.Fits, one.OptimumLoss,
                    one.Baseline.UnmeasuredLayers(profile));
            })],
            comparison.BestFitting is { } best ? new Best(best.Baseline.Name, best.Loss!.Value, loss > 0 ? best.Loss / loss : null) : null);
    }
}
