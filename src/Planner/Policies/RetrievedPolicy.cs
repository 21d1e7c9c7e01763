using System.Globalization;
using System.Text.Json.Serialization;
using TailorKV.Planner.Models;

namespace TailorKV.Planner.Policies;

/// <summary>
/// Keys and values of everything between sinks and window lie in host memory, exactly unless <see cref="OffloadedPolicy.HostRows"/> codes them, and the device holds an index that chooses, for each query,
/// the <see cref="TopK"/> tokens per KV head to attend to besides sinks and window (TailorKV, arXiv 2505.19586; docs/policies.md).
/// </summary>
public sealed record RetrievedPolicy : OffloadedPolicy
{
    /// <summary>Creates the policy; generated tokens stay on the device, as in the paper, up to 64 of them.</summary>
    public RetrievedPolicy() => Generated = 64;

    /// <summary>The kind.</summary>
    public static PolicyKind Registration { get; } = new("retrieved", typeof(RetrievedPolicy))
    {
        Meaning = "on the host, and only the tokens that matter fetched",
        Colour = "#dc8a26",
        DarkColour = "#e39b42",
        Diagnostic = [new RetrievedPolicy { TopK = 64, Index = new CriticalChannels(8) }],
        Standard =
        [
            .. from choice in new (int TopK, int[] Keys, double TailWeight)[] { (64, [3, 1, 0, 0], 0.25), (256, [3, 1, 0, 0], 0.25), (256, [4, 2, 1, 1], 0.25), (1024, [4, 2, 1, 1], 0.5) }
               select new RetrievedPolicy { TopK = choice.TopK, Index = Catalogue.CodedKeysInTiers(choice.Keys), TailWeight = choice.TailWeight },
            // Where bytes are few, what was generated joins the index at once.
            .. from choice in new (int TopK, int[] Keys, double TailWeight)[]
               {
                   (256, [2, 0, 0, 0], 0.25), (512, [2, 0, 0, 0], 0.25), (1024, [2, 0, 0, 0], 0.25), (256, [3, 0, 0, 0], 0.25), (512, [3, 0, 0, 0], 0.25),
                   (256, [3, 1, 0, 0], 0.25), (512, [3, 1, 0, 0], 0.25), (1024, [3, 1, 0, 0], 0.5), (1024, [4, 2, 1, 1], 0.5),
               }
               select new RetrievedPolicy { TopK = choice.TopK, Index = Catalogue.CodedKeysInTiers(choice.Keys), Generated = 0, TailWeight = choice.TailWeight },
            // Few channels know too little of the tokens that they do not choose for these to count.
            .. from choice in new (int TopK, int Channels)[] { (256, 8), (512, 12), (1024, 16), (2048, 16) }
               select new RetrievedPolicy { TopK = choice.TopK, Index = new CriticalChannels(choice.Channels), Generated = 0 },
        ],
        All =
        [
            .. from topK in Catalogue.PowersOfTwo(32, 8192)
               from index in (KeyIndex[])
               [
                   Catalogue.CodedKeys(1), Catalogue.CodedKeys(2), Catalogue.CodedKeysPerChannel(1), Catalogue.CodedKeysPerChannel(2), Catalogue.CodedKeysPerChannel(4),
                   Catalogue.CodedKeysInTiers(2, 0, 0, 0), Catalogue.CodedKeysInTiers(3, 0, 0, 0), Catalogue.CodedKeysInTiers(3, 1, 0, 0), Catalogue.CodedKeysInTiers(4, 2, 1, 1),
                   new CriticalChannels(4), new CriticalChannels(8), new CriticalChannels(12), new CriticalChannels(16),
               ]
               from generated in (int[])[64, 0]
               from tail in index is CodedKeys ? (double[])[0, 0.25, 0.5] : [0]
               select new RetrievedPolicy { TopK = topK, Index = index, Generated = generated, TailWeight = tail },
            .. from topK in (int[])[64, 256, 1024]
               from rows in Catalogue.HostRowFormats
               select new RetrievedPolicy { TopK = topK, Index = Catalogue.CodedKeysInTiers(4, 2, 1, 1), HostRows = rows },
        ],
        // Critical channels are left out: they cost a fraction of an index of codes, and few plans choose them.
        Timed = [new RetrievedPolicy { TopK = 64, Index = Catalogue.CodedKeys(1) }, new RetrievedPolicy { TopK = 256, Index = Catalogue.CodedKeysPerChannel(2) }],
    };

    /// <summary>Tokens fetched from the host for each KV head and step.</summary>
    public required int TopK { get; init; }

    /// <summary>How tokens are chosen.</summary>
    public required KeyIndex Index { get; init; }

    /// <summary>
    /// What the tokens that are not chosen count for, 0 to 1: all of them together stand in the sum as one, with the mean of the middle's values, and with this share of the weight that the index gives them. 0
    /// leaves them out, as TailorKV does (docs/policies.md).
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public double TailWeight { get; init; }

    /// <inheritdoc/>
    [JsonIgnore]
    public override PolicyKind Kind => Registration;

    /// <inheritdoc/>
    [JsonIgnore]
    public override TokenChoice? Choice => new(Index, TopK);

    /// <inheritdoc/>
    [JsonIgnore]
    public override bool NeedsPredictedQueries => Index.NeedsPredictedQueries;

    /// <inheritdoc/>
    [JsonIgnore]
    public override bool NeedsCalibration => Index.NeedsCalibration;

    /// <inheritdoc/>
    [JsonIgnore]
    public override int BlockTokens => Index.BlockTokens;

    /// <inheritdoc/>
    public override string Describe() => $"top-{TopK} by {Index.Describe()}{DescribeHostRows()}{DescribeTail()}, {DescribeWindow()}";

    private protected override CacheBytes MiddleBytesPerKvHead(int headDim, int tokens)
    {
        CacheBytes index = Index.BytesPerKvHead(headDim, tokens);
        return new CacheBytes(index.Device + MeanBytes(headDim), HostRowBytes(headDim, tokens) + index.Host, FetchedBytes(headDim, TopK, tokens) + index.Staging);
    }

    private protected override StepWork MiddleWork(LayerShape layer, int tokens)
    {
        long prefetched = layer.KvHeads * Index.HostBytesPerStep(tokens);
        var index = new StepWork(
            (layer.KvHeads * (Index.BytesPerKvHead(layer.HeadDim, tokens).Device + MeanBytes(layer.HeadDim))) + prefetched, (long)layer.Heads * Index.ScoredChannels(layer.HeadDim) * tokens,
            prefetched, 0);
        return index + FetchedWork(layer, TopK, tokens);
    }

    private protected override string? MiddleProblem(int headDim, int layerIndex) =>
        FetchingProblem(TopK, headDim) ?? Problems.Outside("tailWeight", TailWeight, 0, 1) ?? Index.Problem(headDim, layerIndex);

    private string DescribeTail() => TailWeight == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $", the rest by their mean x {TailWeight:0.###}");

    /// <summary>Bytes of the mean of a KV head's values, in f32.</summary>
    private long MeanBytes(int headDim) => TailWeight == 0 ? 0 : CacheBytes.Align((long)headDim * sizeof(float));
}
