using System.Text.Json.Serialization;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies.Codes;

namespace TailorKV.Planner.Policies;

/// <summary>Everything between sinks and window lies on the device in codes, and every query sees all of it.</summary>
public sealed record QuantizedPolicy : WindowedPolicy
{
    /// <summary>How keys are coded.</summary>
    public required CodeFormat Keys { get; init; }

    /// <summary>How values are coded: any format but per channel.</summary>
    public required CodeFormat Values { get; init; }

    /// <inheritdoc/>
    [JsonIgnore]
    public override string Kind => "quantized";

    /// <inheritdoc/>
    [JsonIgnore]
    public override int BlockTokens => Keys.BlockTokens;

    /// <inheritdoc/>
    public override string Describe() => $"{DescribeCodes(Keys, Values)}, {DescribeWindow()}";

    /// <summary>Both formats in a few words.</summary>
    internal static string DescribeCodes(CodeFormat keys, CodeFormat values) =>
        keys.Equals(values) ? $"K and V {keys.Describe()}" : $"K {keys.Describe()}, V {values.Describe()}";

    /// <summary>What is wrong with the formats, or null.</summary>
    internal static string? CodesProblem(CodeFormat keys, CodeFormat values) =>
        keys.Problem() is { } keyProblem ? $"keys: {keyProblem}"
        : values.Problem() is { } valueProblem ? $"values: {valueProblem}"
        : values is PerChannelFormat ? "values cannot be coded per channel: they are summed over tokens"
        : null;

    /// <summary>The work of scoring and summing all tokens by their codes.</summary>
    internal static StepWork CodesWork(CodeFormat keys, CodeFormat values, LayerShape layer, int tokens) =>
        new(layer.KvHeads * (keys.Bytes(tokens, layer.HeadDim) + values.Bytes(tokens, layer.HeadDim)), 2L * tokens * layer.Heads * layer.HeadDim, 0, 0);

    private protected override CacheBytes MiddleBytesPerKvHead(int headDim, int tokens) =>
        new(Keys.Bytes(tokens, headDim) + Values.Bytes(tokens, headDim), 0, 0);

    private protected override StepWork MiddleWork(LayerShape layer, int tokens) => CodesWork(Keys, Values, layer, tokens);

    private protected override string? MiddleProblem(int headDim, int layerIndex) => CodesProblem(Keys, Values);
}
