using System.Text.Json.Serialization;
using TailorKV.Planner.Models;

namespace TailorKV.Planner.Policies;

/// <summary>
/// Exact keys and values of everything between sinks and window lie in host memory, and the device holds an index that chooses, for each query,
/// the <see cref="TopK"/> tokens per KV head to attend to besides sinks and window (TailorKV, arXiv 2505.19586; docs/policies.md).
/// </summary>
public sealed record RetrievedPolicy : WindowedPolicy
{
    /// <summary>Creates the policy; generated tokens stay on the device, as in the paper, up to 64 of them.</summary>
    public RetrievedPolicy() => Generated = 64;

    /// <summary>Tokens fetched from the host for each KV head and step.</summary>
    public required int TopK { get; init; }

    /// <summary>How tokens are chosen.</summary>
    public required KeyIndex Index { get; init; }

    /// <inheritdoc/>
    [JsonIgnore]
    public override string Kind => "retrieved";

    /// <inheritdoc/>
    [JsonIgnore]
    public override int BlockTokens => Index.BlockTokens;

    /// <inheritdoc/>
    public override string Describe() => $"top-{TopK} by {Index.Describe()}, {DescribeWindow()}";

    private protected override CacheBytes MiddleBytesPerKvHead(int headDim, int tokens)
    {
        CacheBytes index = Index.BytesPerKvHead(headDim, tokens);
        return new CacheBytes(index.Device, HostRowBytes(headDim, tokens) + index.Host, FetchedBytes(headDim, TopK, tokens) + index.Staging);
    }

    private protected override StepWork MiddleWork(LayerShape layer, int tokens)
    {
        long prefetched = layer.KvHeads * Index.HostBytesPerStep(tokens);
        var index = new StepWork(
            (layer.KvHeads * Index.BytesPerKvHead(layer.HeadDim, tokens).Device) + prefetched, (long)layer.Heads * Index.ScoredChannels(layer.HeadDim) * tokens,
            prefetched, 0);
        return index + FetchedWork(layer, TopK, tokens);
    }

    private protected override string? MiddleProblem(int headDim, int layerIndex) => TopKProblem(TopK, headDim) ?? Index.Problem(headDim, layerIndex);
}
