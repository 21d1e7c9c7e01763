using TailorKV.Planner.Policies;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Cache.Heads;

/// <summary>
/// Positions [0, sinks) exact, then the middle, kept in a way of its own, then the window of the newest positions exact. Blocks that leave the window join
/// the middle.
/// </summary>
internal abstract class WindowedHead : HeadCache
{
    private readonly WindowedPolicy _policy;
    private readonly ExactRows _sinkKeys;
    private readonly ExactRows _sinkValues;
    private readonly ExactRows _windowKeys;
    private readonly ExactRows _windowValues;

    protected WindowedHead(WindowedPolicy policy, int headDim, Arena device)
    {
        _policy = policy;
        HeadDim = headDim;
        _sinkKeys = new ExactRows(device, policy.Sinks, headDim, policy.Precision);
        _sinkValues = new ExactRows(device, policy.Sinks, headDim, policy.Precision);
        _windowKeys = new ExactRows(device, policy.WindowCapacity, headDim, policy.Precision);
        _windowValues = new ExactRows(device, policy.WindowCapacity, headDim, policy.Precision);
    }

    protected int HeadDim { get; }

    /// <summary>Tokens between sinks and window.</summary>
    protected int Middle { get; private set; }

    protected int SinkTokens => Math.Min(_policy.Sinks, Tokens);

    protected int WindowTokens => Tokens - SinkTokens - Middle;

    public sealed override void Load(ReadOnlySpan<float> keys, ReadOnlySpan<float> values, int tokens)
    {
        Tokens = tokens;
        Middle = 0;
        ClearMiddle();
        int sinkEnd = SinkTokens * HeadDim;
        int middleEnd = sinkEnd + (_policy.MiddleTokens(tokens) * HeadDim);
        int block = _policy.BlockTokens * HeadDim;
        _sinkKeys.WriteRange(0, keys[..sinkEnd]);
        _sinkValues.WriteRange(0, values[..sinkEnd]);
        for (int start = sinkEnd; start < middleEnd; start += block)
            JoinMiddle(keys.Slice(start, block), values.Slice(start, block));
        _windowKeys.WriteRange(SinkTokens + Middle, keys[middleEnd..(tokens * HeadDim)]);
        _windowValues.WriteRange(SinkTokens + Middle, values[middleEnd..(tokens * HeadDim)]);
    }

    public sealed override void Append(ReadOnlySpan<float> key, ReadOnlySpan<float> value)
    {
        bool sink = Tokens < _policy.Sinks;
        (sink ? _sinkKeys : _windowKeys).Write(Tokens, key);
        (sink ? _sinkValues : _windowValues).Write(Tokens, value);
        Tokens++;
        if (WindowTokens == _policy.WindowCapacity)
            LeaveWindow();
    }

    /// <summary>Forgets the middle.</summary>
    protected virtual void ClearMiddle()
    {
    }

    /// <summary>Takes a block into the middle.</summary>
    /// <param name="first">The block's first token, counted from the middle's first.</param>
    /// <param name="keys">[block, headDim].</param>
    /// <param name="values">[block, headDim].</param>
    protected abstract void AddToMiddle(int first, ReadOnlySpan<float> keys, ReadOnlySpan<float> values);

    /// <summary>Scores of sinks, at the start of each row, and of the window, at its end.</summary>
    /// <param name="queries">[group, headDim].</param>
    /// <param name="scores">[group, stride].</param>
    /// <param name="stride">Elements of a row: sinks, what the middle contributes, and the window.</param>
    protected void ScoreEnds(ReadOnlySpan<float> queries, Span<float> scores, int stride)
    {
        _sinkKeys.Scores(queries, 0, SinkTokens, scores, stride);
        _windowKeys.Scores(queries, SinkTokens + Middle, Tokens, scores[(stride - WindowTokens)..], stride);
    }

    /// <summary>Adds the weighted values of sinks and window to outputs.</summary>
    /// <param name="weights">[group, stride], laid out as in <see cref="ScoreEnds"/>.</param>
    /// <param name="stride">Elements of a row.</param>
    /// <param name="outputs">[group, headDim].</param>
    protected void AddEnds(ReadOnlySpan<float> weights, int stride, Span<float> outputs)
    {
        _sinkValues.AddWeighted(weights, stride, 0, SinkTokens, outputs);
        _windowValues.AddWeighted(weights[(stride - WindowTokens)..], stride, SinkTokens + Middle, Tokens, outputs);
    }

    private void LeaveWindow()
    {
        int first = SinkTokens + Middle;
        int length = _policy.BlockTokens * HeadDim;
        Span<float> rows = stackalloc float[2 * length];
        _windowKeys.ReadRange(first, rows[..length]);
        _windowValues.ReadRange(first, rows[length..]);
        JoinMiddle(rows[..length], rows[length..]);
    }

    private void JoinMiddle(ReadOnlySpan<float> keys, ReadOnlySpan<float> values)
    {
        AddToMiddle(Middle, keys, values);
        Middle += _policy.BlockTokens;
    }
}
