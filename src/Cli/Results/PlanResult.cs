using TailorKV.Planner.Plans;

namespace TailorKV.Cli.Results;

/// <summary>What 'plan --json' and 'explain --json' write.</summary>
internal sealed record PlanResult(
    string Plan, string Model, int Context, int PrefillChunk, PlanResult.Limits Target, PlanResult.DeviceMemory Device, PlanResult.HostMemory Host,
    PlanResult.CacheSize Cache, double? PredictedLoss, SolverCertificate? Solver, IReadOnlyDictionary<string, int> LayersByMode, IReadOnlyList<PlanResult.Layer> Layers)
{
    public sealed record Limits(long? DeviceBytes, long? HostBytes);

    public sealed record DeviceMemory(long TotalBytes, long WeightBytes, long CacheBytes, long StagingBytes, long ActivationBytes, long LogitBytes);

    public sealed record HostMemory(long TotalBytes, long CacheBytes, long PrefillBytes, long BytesPerStep);

    /// <summary>Device bytes of caches and staging beside those of the full bf16 cache.</summary>
    public sealed record CacheSize(long DeviceBytes, long FullBytes, double Share);

    public sealed record Layer(int Index, string Mode, string Choices, long DeviceBytes, long HostBytes, long StagingBytes, long HostBytesPerStep, double? Loss);

    public static PlanResult From(Plan plan, string path)
    {
        MemoryBreakdown memory = plan.Memory;
        CacheSize cache = Size(plan);
        return new PlanResult(
            path, plan.Model.Name, plan.Target.Context, plan.PrefillChunk, new Limits(plan.Target.DeviceBytes, plan.Target.HostBytes),
            new DeviceMemory(memory.Device, memory.Weights, memory.Cache, memory.Staging, memory.Activations, memory.Logits),
            new HostMemory(memory.Host, memory.HostCache, memory.HostPrefill, memory.HostPerStep), cache, plan.PredictedLoss, plan.Solver, ByMode(plan),
            [.. plan.Layers.Select(layer =>
            {
                var bytes = layer.Policy.Bytes(plan.Model.Shape.Layer(layer.Layer), plan.Target.Context);
                return new Layer(layer.Layer, layer.Policy.Kind, layer.Policy.Describe(), bytes.Device, bytes.Host, bytes.Staging,
                    layer.Policy.HostBytesPerStep(plan.Model.Shape.Layer(layer.Layer), plan.Target.Context), layer.Loss);
            })]);
    }

    public static CacheSize Size(Plan plan)
    {
        long stored = plan.Memory.Cache + plan.Memory.Staging;
        long full = plan.Model.Shape.FullCacheBytes(plan.Target.Context);
        return new CacheSize(stored, full, (double)stored / full);
    }

    /// <summary>How many layers each mode keeps, by name.</summary>
    public static IReadOnlyDictionary<string, int> ByMode(Plan plan) =>
        plan.Policies.CountBy(policy => policy.Kind).OrderBy(mode => mode.Key, StringComparer.Ordinal).ToDictionary(mode => mode.Key, mode => mode.Value);
}
