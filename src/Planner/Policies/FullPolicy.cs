using System.Text.Json.Serialization;
using TailorKV.Planner.Models;

namespace TailorKV.Planner.Policies;

/// <summary>Everything stays on the device, uncoded. A layer with a sliding window keeps the window only.</summary>
/// <param name="Precision">How elements are stored.</param>
public sealed record FullPolicy(ExactPrecision Precision = ExactPrecision.BFloat16) : LayerPolicy
{
    /// <inheritdoc/>
    [JsonIgnore]
    public override string Kind => "full";

    /// <inheritdoc/>
    public override string Describe() => Precision == ExactPrecision.BFloat16 ? "bf16" : "f32";

    /// <inheritdoc/>
    public override CacheBytes BytesPerKvHead(LayerShape layer, int context)
    {
        int capacity = Math.Min(context, layer.SlidingWindow ?? context);
        return new CacheBytes(2 * CacheBytes.Align((long)capacity * layer.HeadDim * Precision.Bytes()), 0, 0);
    }

    /// <inheritdoc/>
    public override StepWork Work(LayerShape layer, int context)
    {
        long tokens = Math.Min(context, layer.SlidingWindow ?? context);
        return new StepWork(2 * tokens * layer.KvHeads * layer.HeadDim * Precision.Bytes(), 2 * tokens * layer.Heads * layer.HeadDim, 0, 0);
    }

    /// <inheritdoc/>
    public override string? Problem(LayerShape layer, int layerIndex) => null;
}
