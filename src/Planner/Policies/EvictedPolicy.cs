using System.Globalization;
using System.Text.Json.Serialization;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies.Codes;

namespace TailorKV.Planner.Policies;

/// <summary>
/// Of a prompt's tokens between sinks and window each KV head keeps those that its score puts highest, on the device, exactly or in codes; the others are gone. There is room for a share of the
/// plan's context. What leaves the window later is kept too: once there is no room left, in the place of the prompt's tokens of lowest score, and then of the oldest that came after it.
/// </summary>
public sealed record EvictedPolicy : WindowedPolicy
{
    /// <summary>The last queries whose attention counts (SnapKV's window).</summary>
    public const int ObservedQueries = 32;

    /// <summary>Neighbours whose attention is averaged, a token among them (SnapKV's pooling).</summary>
    public const int PooledNeighbours = 7;

    /// <summary>Positions after the prompt for which attention is expected.</summary>
    public const int PositionsToCome = 512;

    // Elements of a head whose products with each other are summed.
    private const int MostCovariances = 1 << 10;

    /// <summary>The kind.</summary>
    public static PolicyKind Registration { get; } = new("evicted", typeof(EvictedPolicy))
    {
        Meaning = "only the prompt's tokens that matter kept, the others gone",
        Colour = "#a2559c",
        DarkColour = "#c983c4",
        RatesOf = QuantizedPolicy.Registration,
        Standard =
        [
            .. from kept in new (double Share, int? Bits)[] { (0.5, 4), (0.25, 4) }
               select Option(kept.Share, EvictionScore.ExpectedAttention, kept.Bits),
            .. from kept in new (double Share, int? Bits)[] { (0.5, 4), (0.25, 4), (0.125, 4) }
               select Option(kept.Share, EvictionScore.RecentAttention, kept.Bits),
            .. from kept in new (double Share, int[] Keys, CodeFormat Values)[]
               {
                   (0.5, [5, 4, 2, 2], Catalogue.RotatedNormal(3)), (0.5, [4, 2, 1, 1], Catalogue.Principal(3, 2, 2, 1)), (0.5, [4, 2, 1, 1], Catalogue.Principal(2, 0)), (0.25, [5, 4, 2, 2], Catalogue.RotatedNormal(4)),
               }
               select new EvictedPolicy { Share = kept.Share, Score = EvictionScore.RecentAttention, Keys = Catalogue.Tiers(kept.Keys), Values = kept.Values },
        ],
        All =
        [
            .. from share in (double[])[0.75, 0.5, 0.25, 0.125, 0.0625]
               from score in Enum.GetValues<EvictionScore>()
               from bits in (int?[])[null, 4, 3, 2]
               select Option(share, score, bits),
            .. from share in (double[])[0.75, 0.5, 0.25, 0.125]
               from score in Enum.GetValues<EvictionScore>()
               from codes in new (int[] Keys, CodeFormat Values)[]
               {
                   ([5, 4, 2, 2], Catalogue.RotatedNormal(4)), ([5, 4, 2, 2], Catalogue.RotatedNormal(3)), ([4, 2, 1, 1], Catalogue.RotatedNormal(2)), ([4, 2, 1, 1], Catalogue.Principal(3, 2, 2, 1)),
                   ([4, 2, 1, 1], Catalogue.Principal(2, 0)),
               }
               select new EvictedPolicy { Share = share, Score = score, Keys = Catalogue.Tiers(codes.Keys), Values = codes.Values },
        ],
        Timed = [Option(0.25, EvictionScore.KeyNorm, null), Option(0.25, EvictionScore.KeyNorm, 4)],
    };

    /// <summary>The share of the context's tokens between sinks and window that there is room for, above 0 and up to 1.</summary>
    public required double Share { get; init; }

    /// <summary>What they are kept by.</summary>
    public required EvictionScore Score { get; init; }

    /// <summary>How the keys kept are coded; null for exact ones, of <see cref="WindowedPolicy.Precision"/>.</summary>
    public CodeFormat? Keys { get; init; }

    /// <summary>How the values kept are coded, in any format but per channel and in tiers of keys; null for exact ones. Keys and values are both coded or both exact.</summary>
    public CodeFormat? Values { get; init; }

    /// <inheritdoc/>
    [JsonIgnore]
    public override PolicyKind Kind => Registration;

    /// <inheritdoc/>
    [JsonIgnore]
    public override bool NeedsCalibration => Keys is { NeedsCalibration: true } || NeedsValueMoments;

    /// <inheritdoc/>
    [JsonIgnore]
    public override bool NeedsValueMoments => Values is { NeedsCalibration: true };

    /// <inheritdoc/>
    [JsonIgnore]
    public override int BlockTokens => Keys?.BlockTokens ?? 1;

    /// <inheritdoc/>
    [JsonIgnore]
    public override PromptQueryNeeds PromptQueries => Score switch
    {
        EvictionScore.RecentAttention => new(ObservedQueries, Moments: false),
        EvictionScore.ExpectedAttention => new(Last: 0, Moments: true),
        _ => default,
    };

    /// <inheritdoc/>
    public override string Describe() =>
        string.Create(CultureInfo.InvariantCulture, $"{100 * Share:0.####} % by {DescribeScore()}, {(Keys is null ? Precision.Describe() : QuantizedPolicy.DescribeCodes(Keys, Values!))}, {DescribeWindow()}");

    /// <summary>Tokens between sinks and window that there is room for in a cache of so many, a whole number of blocks and, where there are such tokens, one at least.</summary>
    /// <param name="tokens">Tokens that the cache can hold.</param>
    public int KeptTokens(int tokens) => KeptOf(MiddleTokens(tokens));

    /// <inheritdoc/>
    /// <remarks>Staging has room for a score of each token, a query's of each, and the order of those kept.</remarks>
    public override CacheBytes BytesPerKvHead(LayerShape layer, int context)
    {
        CacheBytes bytes = base.BytesPerKvHead(layer, context);
        long staging = CacheBytes.Align((long)MiddleTokens(context) * sizeof(float)) + CacheBytes.Align((long)context * sizeof(float)) + CacheBytes.Align((long)KeptTokens(context) * sizeof(int));
        return bytes with { Staging = bytes.Staging + staging };
    }

    private protected override CacheBytes MiddleBytesPerKvHead(int headDim, int tokens)
    {
        int kept = KeptOf(tokens);
        return new CacheBytes(
            Keys is null ? CacheBytes.Align(FullPolicy.KeyBytes(kept, headDim, Precision)) + CacheBytes.Align((long)kept * headDim * Precision.Bytes())
            : Keys.Bytes(kept, headDim) + Values!.Bytes(kept, headDim), 0, 0);
    }

    private protected override StepWork MiddleWork(LayerShape layer, int tokens) =>
        Keys is null ? ExactWork(layer, KeptOf(tokens)) : QuantizedPolicy.CodesWork(Keys, Values!, layer, KeptOf(tokens));

    private protected override string? MiddleProblem(int headDim, int layerIndex) =>
        !(Share is > 0 and <= 1) ? $"share {Share} is outside 0 to 1, or 0"
        : !Enum.IsDefined(Score) ? $"there is no score {Score}"
        : Score == EvictionScore.ExpectedAttention && headDim > MostCovariances ? $"expected attention is of heads of up to {MostCovariances} elements, and these have {headDim}"
        : Keys is null != Values is null ? "keys and values are both coded or both exact"
        : Keys is null ? null : QuantizedPolicy.CodesProblem(Keys, Values!);

    // A block at least where one can leave the window, so that there is always something to attend to.
    private int KeptOf(int middle) => Math.Max(Math.Min(middle, BlockTokens), (int)Math.Ceiling(Share * middle) / BlockTokens * BlockTokens);

    private string DescribeScore() => Score switch
    {
        EvictionScore.RecentAttention => "recent attention",
        EvictionScore.ExpectedAttention => "expected attention",
        _ => "key norm",
    };

    private static EvictedPolicy Option(double share, EvictionScore score, int? bits)
    {
        RotatedNormalFormat? rows = bits is { } coded ? new RotatedNormalFormat { Bits = coded } : null;
        return new EvictedPolicy { Share = share, Score = score, Keys = rows, Values = rows };
    }
}
