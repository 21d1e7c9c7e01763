using TailorKV.Planner.Policies;
using TailorKV.Torch.Cache.Codes;
using TailorKV.Torch.Cache.Indexes;
using TailorKV.Torch.Cache.Rows;
using TorchSharp;
using static TorchSharp.torch;

namespace TailorKV.Torch.Cache.Layers;

/// <summary>The middle lies on the host; a query sees, as the host keeps them, the tokens of it that the index chooses, and nothing of the rest.</summary>
internal sealed class RetrievedCache : WindowedCache
{
    private readonly ChosenRows _host;
    private readonly TorchKeyIndex _index;

    public RetrievedCache(RetrievedPolicy policy, CacheRequest request)
        : base(policy, request)
    {
        int middle = policy.MiddleTokens(request.Context);
        NeedsPredictedQueries = policy.NeedsPredictedQueries;
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
        base.StoreMiddle(keys, values);
    }

    /// <inheritdoc/>
    protected override void AddToMiddle(int first, Tensor keys, Tensor values)
    {
        if (keys.shape[1] == 0)
            return;
        _host.Write(first, keys, values);
        _index.Add(first, keys);
    }

    /// <inheritdoc/>
    protected override Tensor Attend(Tensor queries, Tensor? predicted)
    {
        _host.Choose(LogMass(Scores(queries, _index.Scores(queries, predicted, Middle))));
        // The chosen tokens' exact scores take the place of all that the index gave.
        Tensor weights = Scores(queries, _host.Scores(queries)).softmax(-1);
        return SumOfEnds(weights) + _host.Sum(weights.narrow(-1, SinkTokens, _host.Count));
    }
}
