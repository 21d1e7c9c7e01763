using System.Text.Json.Serialization;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies.Codes;

namespace TailorKV.Planner.Policies;

/// <summary>
/// Everything between sinks and window lies on the device in codes and, exactly, in host memory. A step scores all of it by the codes; the exact
/// rows of the <see cref="TopK"/> tokens per KV head that this gives the most probability come from the host and replace their codes in scores and sum.
/// </summary>
public sealed record RefinedPolicy : WindowedPolicy
{
    /// <summary>How keys are coded.</summary>
    public required CodeFormat Keys { get; init; }

    /// <summary>How values are coded: any format but per channel.</summary>
    public required CodeFormat Values { get; init; }

    /// <summary>Tokens fetched from the host for each KV head and step.</summary>
    public required int TopK { get; init; }

    /// <inheritdoc/>
    [JsonIgnore]
    public override string Kind => "refined";

    /// <inheritdoc/>
    [JsonIgnore]
    public override int BlockTokens => Keys.BlockTokens;

    /// <inheritdoc/>
    public override string Describe() => $"{QuantizedPolicy.DescribeCodes(Keys, Values)}, top-{TopK} exact, {DescribeWindow()}";

    private protected override CacheBytes MiddleBytesPerKvHead(int headDim, int tokens) =>
        new(Keys.Bytes(tokens, headDim) + Values.Bytes(tokens, headDim), HostRowBytes(headDim, tokens), FetchedBytes(headDim, TopK, tokens));

    private protected override StepWork MiddleWork(LayerShape layer, int tokens) =>
        QuantizedPolicy.CodesWork(Keys, Values, layer, tokens) + FetchedWork(layer, TopK, tokens);

    private protected override string? MiddleProblem(int headDim, int layerIndex) => QuantizedPolicy.CodesProblem(Keys, Values) ?? TopKProblem(TopK, headDim);
}
