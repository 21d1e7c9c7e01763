using TailorKV.Planner.Machines;
using TailorKV.Profiler.Measuring;
using TailorKV.Runtime.Models;

namespace TailorKV.Cli.Results;

/// <summary>What 'profile --dry-run --json' writes.</summary>
internal sealed record ProfileEstimateResult(
    string Model, int Context, int Tail, int Windows, long WeightBytes, bool HasWeights, ProfileEstimateResult.Work Passes, ProfileEstimateResult.Bytes Memory, string? Machine, double? Seconds,
    IReadOnlyList<ProfileResult.PhaseTime>? SecondsByPhase)
{
    /// <summary>What would be done.</summary>
    public sealed record Work(
        int Exact, long PrefilledTokens, int Gradients, long SampledTokens, int Layers, int Options, int Recalls, int OutputErrors, int FewestLosses, int ExpectedLosses, int MostLosses, long DecodedTokens);

    /// <summary>The most it would hold besides weights and gradients.</summary>
    public sealed record Bytes(long DeviceBytes, long HostBytes);

    public static ProfileEstimateResult From(ModelOutline model, ProfileRequest request, ProfileEstimate estimate, Machine? machine) => new(
        model.Name, request.Context, request.Tail, estimate.Windows, model.WeightBytes, model.HasWeights,
        new Work(
            estimate.ExactPasses, estimate.PrefilledTokens, estimate.GradientPasses, estimate.SampledTokens, estimate.Layers, estimate.Options, estimate.Recalls, estimate.OutputErrors,
            estimate.FewestLosses, estimate.ExpectedLosses, estimate.MostLosses, estimate.DecodedTokens),
        new Bytes(estimate.DeviceBytes, estimate.HostBytes), machine?.Name, estimate.Seconds, machine is null ? null : ProfileResult.PhaseTime.Of(phase => estimate.SecondsOf(phase)!.Value));
}
