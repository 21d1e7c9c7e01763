using System.Text.Json;
using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;

namespace TailorKV.Cli.Results;

/// <summary>What 'plan --json' and 'explain --json' write.</summary>
internal sealed record PlanResult(
    string Plan, string Model, string? DerivedFrom, int Context, int Batch, string Goal, int PrefillChunk, PlanResult.Limits Target, PlanResult.DeviceMemory Device, PlanResult.HostMemory Host,
    PlanResult.CacheSize Cache, double? PredictedLoss, double? PredictedLossError, PlanResult.StepSeconds? Time, SolverCertificate? Solver, IReadOnlyDictionary<string, int> LayersByMode,
    IReadOnlyList<PlanResult.Layer> Layers, IReadOnlyList<PlanResult.Effect>? Effects)
{
    /// <summary>What a second round measured, where one was asked for.</summary>
    public RemeasuredResult? Remeasured { get; init; }

    public sealed record Limits(long? DeviceBytes, long? HostBytes, double? StepSeconds, double? Loss, string? Machine);

    /// <summary>Predicted seconds of a decoded token by part.</summary>
    public sealed record StepSeconds(double Total, double Weights, double Attention, double Fetches, double Waiting);

    /// <summary>What a limit does, and the loss and device bytes of the best plans with a little more and less of it; whether it binds is null where the limit of time ended before that was found.</summary>
    public sealed record Effect(string Limit, double Value, double Used, bool? Binds, double Step, double? LossWithMore, long? BytesWithMore, double? LossWithLess, long? BytesWithLess);

    public sealed record DeviceMemory(long TotalBytes, long WeightBytes, long CacheBytes, long StagingBytes, long ActivationBytes, long LogitBytes);

    public sealed record HostMemory(long TotalBytes, long WeightBytes, long CacheBytes, long PrefillBytes, long LogitBytes, long BytesPerStep);

    /// <summary>Device bytes of caches and staging beside those of the full bf16 cache.</summary>
    public sealed record CacheSize(long DeviceBytes, long FullBytes, double Share);

    public sealed record Layer(int Index, string Mode, string Choices, long DeviceBytes, long HostBytes, long StagingBytes, long HostBytesPerStep, double? Loss, double? LossError, double? LossShare);

    public static PlanResult From(Plan plan, string path, IReadOnlyList<LimitEffect>? effects = null)
    {
        MemoryBreakdown memory = plan.Memory;
        PlanTarget target = plan.Target;
        return new PlanResult(
            path, plan.Model.Name, plan.DerivedFrom, target.Context, target.Batch, JsonNamingPolicy.CamelCase.ConvertName($"{target.Goal}"), plan.PrefillChunk,
            LimitsOf(target),
            new DeviceMemory(memory.Device, memory.Weights, memory.Cache, memory.Staging, memory.Activations, memory.Logits),
            new HostMemory(memory.Host, memory.HostWeights, memory.HostCache, memory.HostPrefill, memory.HostLogits, memory.HostPerStep), Size(plan), plan.PredictedLoss, plan.PredictedLossError,
            plan.Time is { } time
                ? new StepSeconds(
                    time.TotalNanoseconds / 1e9, time.WeightsNanoseconds / 1e9, time.AttentionNanoseconds / 1e9, time.FetchesNanoseconds / 1e9, time.WaitingNanoseconds / 1e9)
                : null,
            plan.Solver, ByMode(plan),
            [.. plan.Layers.Select(layer =>
            {
                LayerShape shape = plan.Model.Shape.Layer(layer.Layer);
                CacheBytes bytes = layer.Policy.Bytes(shape, target.Context) * target.Batch;
                return new Layer(
                    layer.Layer, layer.Policy.Kind.Name, layer.Policy.Describe(), bytes.Device, bytes.Host, bytes.Staging, layer.Policy.HostBytesPerStep(shape, target.Context) * target.Batch,
                    layer.Loss, layer.LossError, plan.PredictedLoss > 0 ? layer.Loss / plan.PredictedLoss : null);
            })],
            effects is null ? null : [.. effects.Select(effect => new Effect(
                effect.Limit, effect.Value, effect.Used, effect.Binds, effect.Step, effect.WithMore?.PredictedLoss, effect.WithMore?.Memory.Device, effect.WithLess?.PredictedLoss,
                effect.WithLess?.Memory.Device))]);
    }

    public static Limits LimitsOf(PlanTarget target) => new(target.DeviceBytes, target.HostBytes, target.StepSeconds, target.Loss, target.Machine?.Name);

    public static CacheSize Size(Plan plan)
    {
        long stored = plan.Memory.Cache + plan.Memory.Staging;
        long full = plan.Model.Shape.FullCacheBytes(plan.Target.Context) * plan.Target.Batch;
        return new CacheSize(stored, full, (double)stored / full);
    }

    /// <summary>How many layers each mode keeps, by name.</summary>
    public static IReadOnlyDictionary<string, int> ByMode(Plan plan) =>
        plan.Policies.CountBy(policy => policy.Kind.Name).OrderBy(mode => mode.Key, StringComparer.Ordinal).ToDictionary(mode => mode.Key, mode => mode.Value);
}
