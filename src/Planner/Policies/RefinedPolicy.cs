using System.Text.Json.Serialization;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies.Codes;

namespace TailorKV.Planner.Policies;

/// <summary>
/// Everything between sinks and window lies on the device in codes and, exactly unless <see cref="OffloadedPolicy.HostRows"/> codes it there, in host memory. A step scores all of it by the codes; the host's
/// rows of the <see cref="TopK"/> tokens per KV head that this gives the most probability are fetched and replace their codes in scores and sum.
/// </summary>
public sealed record RefinedPolicy : OffloadedPolicy
{
    /// <summary>The kind.</summary>
    public static PolicyKind Registration { get; } = new("refined", typeof(RefinedPolicy))
    {
        Meaning = "in a few bits, and the tokens that matter fetched exactly",
        Colour = "#1c9483",
        DarkColour = "#35b3a1",
        Diagnostic = [Catalogue.Refined(1, 1, 32)],
        Standard =
        [
            .. from choice in new (int Keys, int Values, int TopK)[]
               {
                   (2, 2, 128), (4, 3, 128), (4, 3, 512),
               }
               select Catalogue.Refined(choice.Keys, choice.Values, choice.TopK),
            .. from choice in new (int[] Keys, CodeFormat Values, int TopK)[]
               {
                   ([3, 0, 0, 0], Catalogue.Principal(2, 0), 512),
                   ([3, 1, 0, 0], Catalogue.Principal(2, 0), 128), ([3, 1, 0, 0], Catalogue.Principal(2, 0), 512), ([3, 1, 0, 0], Catalogue.Principal(2, 0), 1024),
                   ([4, 2, 1, 1], Catalogue.Principal(2, 0), 128), ([4, 2, 1, 1], Catalogue.Principal(2, 0), 512), ([4, 2, 1, 1], Catalogue.RotatedNormal(2), 512),
                   ([4, 2, 1, 1], Catalogue.Principal(3, 2, 2, 1), 128), ([4, 2, 1, 1], Catalogue.Principal(3, 2, 2, 1), 512), ([4, 2, 1, 1], Catalogue.Principal(3, 2, 2, 1), 1024),
                   ([5, 3, 2, 1], Catalogue.Principal(3, 2, 2, 1), 128), ([5, 3, 2, 1], Catalogue.RotatedNormal(3), 128), ([5, 3, 2, 1], Catalogue.RotatedNormal(3), 512),
               }
               select new RefinedPolicy { Keys = Catalogue.Tiers(choice.Keys), Values = choice.Values, TopK = choice.TopK },
        ],
        All =
        [
            .. from codes in Catalogue.CodePairs(64)
               from topK in Catalogue.PowersOfTwo(16, 2048)
               select new RefinedPolicy { Keys = codes.Keys, Values = codes.Values, TopK = topK },
            .. from codes in new (int[] Keys, int Values)[] { ([4, 2, 1, 1], 2), ([5, 3, 2, 1], 3) }
               from topK in (int[])[64, 128, 512]
               from rows in Catalogue.HostRowFormats
               select new RefinedPolicy { Keys = Catalogue.Tiers(codes.Keys), Values = Catalogue.RotatedNormal(codes.Values), TopK = topK, HostRows = rows },
        ],
        Timed = [Catalogue.Refined(1, 1, 32), Catalogue.Refined(2, 2, 128), Catalogue.Refined(3, 3, 128)],
    };

    /// <summary>How keys are coded.</summary>
    public required CodeFormat Keys { get; init; }

    /// <summary>How values are coded: any format but per channel and in tiers of keys.</summary>
    public required CodeFormat Values { get; init; }

    /// <summary>Tokens fetched from the host for each KV head and step.</summary>
    public required int TopK { get; init; }

    /// <inheritdoc/>
    [JsonIgnore]
    public override PolicyKind Kind => Registration;

    /// <inheritdoc/>
    [JsonIgnore]
    public override TokenChoice? Choice => new(new CodedKeys(Keys), TopK);

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
    public override string Describe() => $"{QuantizedPolicy.DescribeCodes(Keys, Values)}, top-{TopK}{(HostRows is null ? " exact" : DescribeHostRows())}, {DescribeWindow()}";

    private protected override CacheBytes MiddleBytesPerKvHead(int headDim, int tokens) =>
        new(Keys.Bytes(tokens, headDim) + Values.Bytes(tokens, headDim), HostRowBytes(headDim, tokens), FetchedBytes(headDim, TopK, tokens));

    private protected override StepWork MiddleWork(LayerShape layer, int tokens) =>
        QuantizedPolicy.CodesWork(Keys, Values, layer, tokens) + FetchedWork(layer, TopK, tokens);

    private protected override string? MiddleProblem(int headDim, int layerIndex) => QuantizedPolicy.CodesProblem(Keys, Values) ?? FetchingProblem(TopK, headDim);
}
