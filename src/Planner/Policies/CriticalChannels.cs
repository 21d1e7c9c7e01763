using System.Text.Json.Serialization;
using TailorKV.Planner.Models;

namespace TailorKV.Planner.Policies;

/// <summary>
/// The few key channels with the largest |predicted query| * max |key| are fetched from the host at each step, and scores over them choose the
/// tokens. The query is predicted from the layer before, so the first layer cannot use it. A transposed copy of the keys on the host makes a
/// channel's row contiguous.
/// </summary>
/// <param name="Count">Channels fetched for each KV head and step.</param>
public sealed record CriticalChannels(int Count) : KeyIndex
{
    /// <summary>Bytes of one element of the transposed copy: bfloat16, whatever the exact rows are kept in.</summary>
    public const int ElementBytes = 2;

    /// <inheritdoc/>
    [JsonIgnore]
    public override int BlockTokens => 1;

    /// <inheritdoc/>
    [JsonIgnore]
    public override bool NeedsPredictedQueries => true;

    /// <inheritdoc/>
    public override string Describe() => $"{Count} critical channels";

    /// <inheritdoc/>
    public override CacheBytes BytesPerKvHead(int headDim, int tokens) => new(
        CacheBytes.Align((long)headDim * sizeof(float)),
        CacheBytes.Align((long)headDim * tokens * ElementBytes),
        CacheBytes.Align((long)Count * tokens * ElementBytes));

    /// <inheritdoc/>
    public override long HostBytesPerStep(int tokens) => (long)Count * tokens * ElementBytes;

    /// <inheritdoc/>
    public override int ScoredChannels(int headDim) => Count;

    /// <inheritdoc/>
    public override string? Problem(int headDim, int layerIndex) =>
        Count < 1 || Count > headDim ? $"{Count} critical channels are outside 1 to {headDim}, the head dimension"
        : layerIndex == 0 ? "layer 0 has no layer before it to predict its query from, so it needs codedKeys as its index"
        : null;
}
