using System.Text.Json.Serialization;
using TailorKV.Planner.Models;

namespace TailorKV.Planner.Policies;

/// <summary>
/// Exact keys and values of the middle of the text lie in host memory; the device holds the sinks, the recent and the generated tokens, and
/// an index that chooses, for each query, the <see cref="TopK"/> host tokens per KV head to attend to besides (TailorKV, arXiv 2505.19586,
/// section 3 of the background facts).
/// </summary>
public sealed record RetrievedPolicy : LayerPolicy
{
    /// <summary>Tokens fetched from the host for each KV head and step.</summary>
    public required int TopK { get; init; }

    /// <summary>How tokens are chosen.</summary>
    public required KeyIndex Index { get; init; }

    /// <summary>First tokens, always attended.</summary>
    public int Sinks { get; init; } = 4;

    /// <summary>Newest tokens of the prompt, always attended.</summary>
    public int Recent { get; init; } = 32;

    /// <summary>Generated tokens that the device keeps, always attended, before the oldest move to the host and join the index.</summary>
    public int Generated { get; init; } = 64;

    /// <summary>How exact keys and values are stored, on the device and on the host.</summary>
    public ExactPrecision Precision { get; init; } = ExactPrecision.BFloat16;

    /// <inheritdoc/>
    [JsonIgnore]
    public override string Kind => "retrieved";

    /// <summary>Tokens the device window can hold: recent, generated, and a block that is filling up before it leaves.</summary>
    [JsonIgnore]
    public int WindowCapacity => Recent + Generated + Index.BlockTokens;

    /// <summary>The most tokens that can lie on the host when the cache holds <paramref name="context"/> tokens.</summary>
    public int HostCapacity(int context) => Math.Max(0, context - Sinks - Recent) / Index.BlockTokens * Index.BlockTokens;

    /// <inheritdoc/>
    public override string Describe() => $"top-{TopK} by {Index.Describe()}, {Sinks} sinks, recent {Recent}";

    /// <inheritdoc/>
    public override CacheBytes BytesPerKvHead(LayerShape layer, int context)
    {
        int onHost = HostCapacity(context);
        long row = (long)layer.HeadDim * Precision.Bytes();
        long exact = 2 * (CacheBytes.Align(Sinks * row) + CacheBytes.Align(WindowCapacity * row));
        CacheBytes index = Index.BytesPerKvHead(layer.HeadDim, onHost);
        long chosen = Math.Min(TopK, onHost);
        long fetched = (2 * CacheBytes.Align(chosen * layer.HeadDim * sizeof(float))) + CacheBytes.Align(chosen * sizeof(int));
        return new CacheBytes(exact + index.Device, (2 * CacheBytes.Align(onHost * row)) + index.Host, fetched + index.Staging);
    }

    /// <inheritdoc/>
    public override string? Problem(LayerShape layer, int layerIndex) =>
        TopK is < 1 or > 1 << 24 ? $"topK {TopK} is outside 1 to {1 << 24}"
        : Sinks is < 0 or > 1 << 20 ? $"{Sinks} sinks are outside 0 to {1 << 20}"
        : Recent is < 0 or > 1 << 20 ? $"{Recent} recent tokens are outside 0 to {1 << 20}"
        : Generated is < 0 or > 1 << 20 ? $"{Generated} generated tokens are outside 0 to {1 << 20}"
        : layer.SlidingWindow is not null ? "a layer with a sliding window keeps its window in full"
        : Index.Problem(layer.HeadDim, layerIndex);
}
