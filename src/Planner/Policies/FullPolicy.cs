using System.Text.Json.Serialization;
using TailorKV.Planner.Models;

namespace TailorKV.Planner.Policies;

/// <summary>Everything stays on the device, uncoded. A layer with a sliding window keeps the window only.</summary>
/// <param name="Precision">How elements are stored.</param>
public sealed record FullPolicy(ExactPrecision Precision = ExactPrecision.BFloat16) : LayerPolicy
{
    /// <summary>Tokens whose keys lie together, channel by channel; of the last ones, fewer take as much.</summary>
    public const int TileTokens = 32;

    /// <summary>The kind.</summary>
    public static PolicyKind Registration { get; } = new("full", typeof(FullPolicy))
    {
        Meaning = "every key and value on the device",
        Colour = "#566174",
        DarkColour = "#a3adbd",
        Diagnostic = [new FullPolicy()],
        Standard = [new FullPolicy()],
        All = [new FullPolicy()],
        Timed = [new FullPolicy()],
    };

    /// <inheritdoc/>
    [JsonIgnore]
    public override PolicyKind Kind => Registration;

    /// <inheritdoc/>
    public override string Describe() => Precision.Describe();

    /// <summary>Bytes of one KV head's keys.</summary>
    /// <param name="capacity">Tokens; they take as much as whole tiles of <see cref="TileTokens"/>.</param>
    /// <param name="headDim">Elements of a key.</param>
    /// <param name="precision">How they are stored.</param>
    public static long KeyBytes(int capacity, int headDim, ExactPrecision precision) =>
        ((long)capacity + TileTokens - 1) / TileTokens * TileTokens * headDim * precision.Bytes();

    /// <inheritdoc/>
    public override CacheBytes BytesPerKvHead(LayerShape layer, int context)
    {
        int capacity = Math.Min(context, layer.SlidingWindow ?? context);
        long values = (long)capacity * layer.HeadDim * Precision.Bytes();
        return new CacheBytes(CacheBytes.Align(KeyBytes(capacity, layer.HeadDim, Precision)) + CacheBytes.Align(values), 0, 0);
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
