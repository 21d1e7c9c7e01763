using System.Text.Json.Serialization;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies.Codes;

namespace TailorKV.Planner.Policies;

/// <summary>Everything between sinks and window lies on the device in codes, and every query sees all of it.</summary>
public sealed record QuantizedPolicy : WindowedPolicy
{
    /// <summary>The kind.</summary>
    public static PolicyKind Registration { get; } = new("quantized", typeof(QuantizedPolicy))
    {
        Meaning = "all in a few bits on the device",
        Colour = "#3f7bd6",
        DarkColour = "#5f97ea",
        Diagnostic = [Catalogue.Kivi(4, 4), Catalogue.Kivi(2, 8), Catalogue.Kivi(8, 2), Catalogue.Kivi(2, 2), Catalogue.Rotated(2, 2)],
        Standard =
        [
            .. Catalogue.Pairs((8, 8), (4, 4)).Select(bits => Catalogue.Kivi(bits.Keys, bits.Values)),
            .. Catalogue.Pairs((4, 4), (4, 3), (3, 3), (2, 2)).Select(bits => Catalogue.Rotated(bits.Keys, bits.Values)),
            .. Catalogue.Pairs((4, 4), (4, 3), (3, 3)).Select(bits => Catalogue.PerChannelAndRotated(bits.Keys, bits.Values)),
            .. from codes in new (int[] Keys, int Values)[] { ([5, 4, 4, 2], 4), ([5, 4, 2, 2], 3), ([5, 3, 2, 1], 3), ([4, 2, 1, 1], 2) }
               select Catalogue.InTiers(codes.Keys, codes.Values),
            .. from codes in new (int[] Keys, int[] Values)[]
               {
                   ([5, 3, 2, 1], [3, 2, 2, 1]), ([4, 2, 1, 1], [3, 2, 2, 1]), ([4, 2, 1, 1], [2, 1]), ([3, 1, 0, 0], [2, 1]), ([4, 2, 1, 1], [2, 0]), ([3, 1, 0, 0], [2, 0]),
               }
               select Catalogue.InTiers(codes.Keys, codes.Values),
        ],
        All =
        [
            .. from codes in Catalogue.CodePairs(32, 64, 128)
               from sinks in (int[])[0, 4]
               from recent in (int[])[32, 128]
               select new QuantizedPolicy { Keys = codes.Keys, Values = codes.Values, Sinks = sinks, Recent = recent },
        ],
        Timed = [Catalogue.Kivi(4, 4), Catalogue.Kivi(2, 2), Catalogue.Rotated(4, 4), Catalogue.Rotated(2, 2)],
    };

    /// <summary>How keys are coded.</summary>
    public required CodeFormat Keys { get; init; }

    /// <summary>How values are coded: any format but per channel and in tiers of keys.</summary>
    public required CodeFormat Values { get; init; }

    /// <inheritdoc/>
    [JsonIgnore]
    public override PolicyKind Kind => Registration;

    /// <inheritdoc/>
    [JsonIgnore]
    public override bool NeedsCalibration => Keys.NeedsCalibration || Values.NeedsCalibration;

    /// <inheritdoc/>
    [JsonIgnore]
    public override bool NeedsValueMoments => Values.NeedsCalibration;

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
        : keys is PrincipalNormalFormat ? "keys cannot be coded along the principal directions of values"
        : values is TieredNormalFormat ? "values cannot be coded in tiers: what counts in them is not known from queries"
        : values is PerChannelFormat ? "values cannot be coded per channel: they are summed over tokens"
        : null;

    /// <summary>The work of scoring and summing all tokens by their codes.</summary>
    internal static StepWork CodesWork(CodeFormat keys, CodeFormat values, LayerShape layer, int tokens) =>
        new(layer.KvHeads * (keys.Bytes(tokens, layer.HeadDim) + values.Bytes(tokens, layer.HeadDim)), (2L * tokens * layer.Heads * layer.HeadDim) + values.TurningMultiplyAdds(layer), 0, 0);

    private protected override CacheBytes MiddleBytesPerKvHead(int headDim, int tokens) =>
        new(Keys.Bytes(tokens, headDim) + Values.Bytes(tokens, headDim), 0, 0);

    private protected override StepWork MiddleWork(LayerShape layer, int tokens) => CodesWork(Keys, Values, layer, tokens);

    private protected override string? MiddleProblem(int headDim, int layerIndex) => CodesProblem(Keys, Values);
}
