using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Torch.Cache.Codes;
using TailorKV.Torch.Cache.Indexes;
using TailorKV.Torch.Cache.Rows;
using TailorKV.Torch.Numbers;
using TorchSharp;
using static TorchSharp.torch;

namespace TailorKV.Torch.Cache.Layers;

/// <summary>
/// The middle lies on the host; a query sees, as the host keeps them, the tokens of it that the index chooses, and of the rest nothing, or the mean of the middle's values by a share of the weight that the
/// index gives them.
/// </summary>
internal sealed class RetrievedCache : WindowedCache
{
    private readonly ChosenRows _host;
    private readonly TorchKeyIndex _index;
    private readonly double _tailWeight;

    // [kvHeads, headDim]; null where nothing of the rest is seen.
    private readonly Tensor? _mean;

    public RetrievedCache(RetrievedPolicy policy, CacheRequest request)
        : base(policy, request)
    {
        int middle = policy.MiddleTokens(request.Context);
        NeedsPredictedQueries = policy.NeedsPredictedQueries;
        _tailWeight = policy.TailWeight;
        if (_tailWeight > 0)
            _mean = request.Device.TakeHeads(request.Layer.KvHeads, CacheBytes.Align((long)request.Layer.HeadDim * sizeof(float))).Take(ScalarType.Float32, request.Layer.HeadDim);
        _host = new ChosenRows(policy, policy.TopK, middle, request);
        _index = policy.Index switch
        {
            CriticalChannels channels => new ChannelIndex(channels, middle, request),
            CodedKeys coded => new CodedIndex(TorchCodeFactory.Keys(coded.Keys, middle, request)),
            _ => throw new ArgumentException($"There is no index for {policy.Index.GetType().Name}.", nameof(policy)),
        };
    }

    /// <inheritdoc/>
    public override bool NeedsPredictedQueries { get; }

    /// <inheritdoc/>
    public override ReadOnlySpan<float> ChoosingMass(int kvHead, out int sinks)
    {
        sinks = SinkTokens;
        return _host.LogMass(kvHead, Middle);
    }

    /// <inheritdoc/>
    protected override void Prefetch(Tensor predicted)
    {
        JoinAhead();
        _index.Prefetch(predicted, Middle);
    }

    /// <inheritdoc/>
    protected override void StoreMiddle(Tensor keys, Tensor values)
    {
        _index.Clear();
        _mean?.zero_();
        base.StoreMiddle(keys, values);
    }

    /// <inheritdoc/>
    protected override void AddToMiddle(int first, Tensor keys, Tensor values)
    {
        if (keys.shape[1] == 0)
            return;
        _host.Write(first, keys, values);
        _index.Add(first, keys);
        // Of mean and values, each by its share of the tokens.
        _mean?.lerp_(values.mean([1]), keys.shape[1] / (double)(first + keys.shape[1]));
    }

    /// <inheritdoc/>
    protected override Tensor Attend(Tensor queries, Tensor? predicted)
    {
        Tensor indexed = Scores(queries, _index.Scores(queries, predicted, Middle));
        _host.Choose(LogMass(indexed));
        // The chosen tokens' exact scores take the place of all that the index gave.
        Tensor scores = Scores(queries, _host.Scores(queries));
        if (_mean is null || _host.Count == Middle)
        {
            Tensor weights = scores.softmax(-1);
            return SumOfEnds(weights).Plus(_host.Sum(weights.narrow(-1, SinkTokens, _host.Count)));
        }

        Tensor tail = TailScores(indexed.narrow(-1, SinkTokens, Middle)), all = cat([scores, tail], -1).softmax(-1), seen = all.narrow(-1, 0, scores.shape[^1]);
        return SumOfEnds(seen).Plus(_host.Sum(seen.narrow(-1, SinkTokens, _host.Count))).Plus(all.narrow(-1, scores.shape[^1], 1) * _mean.unsqueeze(1));
    }

    /// <summary>What a token would score that weighs as much as all that were not chosen, times the tail's share: [kvHeads, group, 1].</summary>
    /// <param name="scores">The index's scores of the middle, [kvHeads, group, middle].</param>
    private Tensor TailScores(Tensor scores)
    {
        Tensor places = _host.Chosen.unsqueeze(1).expand(scores.shape[0], scores.shape[1], _host.Count);
        return scores.scatter(-1, places, full_like(places, Held.Of(float.NegativeInfinity), ScalarType.Float32)).logsumexp(-1, keepdim: true).Plus(Held.Of(Math.Log(_tailWeight)));
    }
}
