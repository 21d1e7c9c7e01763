using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Torch.Cache.Rows;
using TailorKV.Torch.Memory;
using TailorKV.Torch.Numbers;
using TorchSharp;
using static TorchSharp.torch;

namespace TailorKV.Torch.Cache.Layers;

/// <summary>
/// Positions [0, sinks) exact, then the middle, kept in a way of its own, then the window of the newest positions exact. Blocks that leave the window join the middle. What is scored are sinks,
/// middle and window, in this order.
/// </summary>
internal abstract class WindowedCache : TorchLayerCache
{
    private readonly WindowedPolicy _policy;
    private readonly ExactRows _sinkKeys;
    private readonly ExactRows _sinkValues;
    private readonly ExactRows _windowKeys;
    private readonly ExactRows _windowValues;

    protected WindowedCache(WindowedPolicy policy, CacheRequest request)
        : base(request)
    {
        _policy = policy;
        int headDim = request.Layer.HeadDim;
        long row = (long)headDim * policy.Precision.Bytes();
        HeadRegion region = request.Device.TakeHeads(request.Layer.KvHeads, 2 * (CacheBytes.Align(policy.Sinks * row) + CacheBytes.Align(policy.WindowCapacity * row)));
        _sinkKeys = new ExactRows(region, policy.Sinks, headDim, policy.Precision);
        _sinkValues = new ExactRows(region, policy.Sinks, headDim, policy.Precision);
        _windowKeys = new ExactRows(region, policy.WindowCapacity, headDim, policy.Precision);
        _windowValues = new ExactRows(region, policy.WindowCapacity, headDim, policy.Precision);
    }

    /// <summary>Tokens before the middle.</summary>
    protected int SinkTokens => Math.Min(_policy.Sinks, Tokens);

    /// <summary>Tokens between sinks and window.</summary>
    protected int Middle { get; private set; }

    private int WindowStart => SinkTokens + Middle;

    private int WindowTokens => Tokens - WindowStart;

    /// <inheritdoc/>
    protected sealed override void Store(Tensor keys, Tensor values)
    {
        Middle = _policy.MiddleTokens(Tokens);
        _sinkKeys.Write(0, keys.narrow(1, 0, SinkTokens));
        _sinkValues.Write(0, values.narrow(1, 0, SinkTokens));
        BeginMiddle(values.narrow(1, SinkTokens, Middle));
        StoreMiddle(keys, values);
        _windowKeys.Write(WindowStart, keys.narrow(1, WindowStart, WindowTokens));
        _windowValues.Write(WindowStart, values.narrow(1, WindowStart, WindowTokens));
    }

    /// <inheritdoc/>
    protected sealed override void Append(Tensor key, Tensor value)
    {
        int position = Tokens - 1;
        bool sink = position < _policy.Sinks;
        (sink ? _sinkKeys : _windowKeys).Write(position, key);
        (sink ? _sinkValues : _windowValues).Write(position, value);
        if (WindowTokens == _policy.WindowCapacity)
            JoinMiddle();
    }

    /// <summary>
    /// Lets the block join the middle that the next token will drive out of the window, so that the middle is now what it will be then. Where that token is of the block itself, it cannot yet.
    /// </summary>
    protected void JoinAhead()
    {
        if (Tokens >= _policy.Sinks && WindowTokens + 1 == _policy.WindowCapacity && WindowTokens >= _policy.BlockTokens)
            JoinMiddle();
    }

    /// <summary>Gets ready for a prompt's middle.</summary>
    /// <param name="values">Its values, [kvHeads, middle, headDim].</param>
    protected virtual void BeginMiddle(Tensor values)
    {
    }

    /// <summary>Takes a prompt's middle in the place of all that there was.</summary>
    /// <param name="keys">[kvHeads, tokens, headDim], sinks and window among them.</param>
    /// <param name="values">The same.</param>
    protected virtual void StoreMiddle(Tensor keys, Tensor values) => AddToMiddle(0, keys.narrow(1, SinkTokens, Middle), values.narrow(1, SinkTokens, Middle));

    /// <summary>Takes whole blocks into the middle, or none.</summary>
    /// <param name="first">Their first token, counted from the middle's first.</param>
    /// <param name="keys">[kvHeads, tokens, headDim].</param>
    /// <param name="values">[kvHeads, tokens, headDim].</param>
    protected abstract void AddToMiddle(int first, Tensor keys, Tensor values);

    /// <summary>Scores of all that queries see, capped.</summary>
    /// <param name="queries">[kvHeads, group, headDim].</param>
    /// <param name="middle">Scores of what stands between sinks and window, [kvHeads, group, some], not capped.</param>
    protected Tensor Scores(Tensor queries, Tensor middle) => Capped(cat(
        [queries.matmul(_sinkKeys.Read(0, SinkTokens).transpose(1, 2)), middle, queries.matmul(_windowKeys.Read(WindowStart, WindowTokens).transpose(1, 2))], -1));

    /// <summary>Weighted sums of the values of sinks and window.</summary>
    /// <param name="weights">[kvHeads, group, scored], those of the middle among them.</param>
    protected Tensor SumOfEnds(Tensor weights) =>
        weights.narrow(-1, 0, SinkTokens).matmul(_sinkValues.Read(0, SinkTokens))
            .Plus(weights.narrow(-1, weights.shape[^1] - WindowTokens, WindowTokens).matmul(_windowValues.Read(WindowStart, WindowTokens)));

    /// <summary>
    /// The logarithm of the probability of each of the middle's tokens, summed over the query group and among all that a query sees, so that a query that looks elsewhere has less of a say:
    /// [kvHeads, middle]. Probabilities themselves may be too small to tell apart.
    /// </summary>
    /// <param name="scores">[kvHeads, group, scored].</param>
    protected Tensor LogMass(Tensor scores) => scores.log_softmax(-1).narrow(-1, SinkTokens, Middle).logsumexp(1);

    private void JoinMiddle()
    {
        AddToMiddle(Middle, _windowKeys.Read(WindowStart, _policy.BlockTokens), _windowValues.Read(WindowStart, _policy.BlockTokens));
        Middle += _policy.BlockTokens;
    }
}
