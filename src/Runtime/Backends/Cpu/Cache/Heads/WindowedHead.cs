using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using TailorKV.Planner.Policies;
using TailorKV.Runtime.Backends.Cpu.Cache.Exact;
using TailorKV.Runtime.Backends.Cpu.Kernels;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Numbers;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Heads;

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

    protected WindowedHead(WindowedPolicy policy, HeadRequest request)
        : base(request.Layer.HeadDim, request.SegmentTokens, policy.BlockTokens)
    {
        _policy = policy;
        _sinkKeys = new ExactRows(request.Device, policy.Sinks, HeadDim, policy.Precision);
        _sinkValues = new ExactRows(request.Device, policy.Sinks, HeadDim, policy.Precision);
        _windowKeys = new ExactRows(request.Device, policy.WindowCapacity, HeadDim, policy.Precision);
        _windowValues = new ExactRows(request.Device, policy.WindowCapacity, HeadDim, policy.Precision);
    }

    /// <summary>Tokens before the middle.</summary>
    public int SinkTokens => Math.Min(_policy.Sinks, Tokens);

    /// <summary>Tokens between sinks and window.</summary>
    protected int Middle { get; private set; }

    /// <summary>Tokens of the middle that are kept.</summary>
    protected virtual int Kept => Middle;

    protected override int SegmentedTokens => Kept;

    protected override int Scored => SinkTokens + Kept + WindowTokens;

    protected override int ScoresBefore => SinkTokens;

    protected int WindowTokens => Tokens - SinkTokens - Middle;

    /// <summary>Where in its row the scores of the middle begin.</summary>
    protected int MiddleStart => ScoresStart + SinkTokens;

    protected sealed override void Store(NativeBuffer<float> keys, NativeBuffer<float> values)
    {
        ClearMiddle();
        Middle = _policy.MiddleTokens(Tokens);
        int sinks = SinkTokens * HeadDim;
        long middleEnd = sinks + ((long)Middle * HeadDim);
        _sinkKeys.WriteRange(0, keys.Slice(0, sinks));
        _sinkValues.WriteRange(0, values.Slice(0, sinks));
        BeginMiddle(values.Part(sinks, middleEnd - sinks));
        StoreMiddle(keys, values);
        int window = WindowTokens * HeadDim;
        _windowKeys.WriteRange(SinkTokens + Middle, keys.Slice(middleEnd, window));
        _windowValues.WriteRange(SinkTokens + Middle, values.Slice(middleEnd, window));
    }

    protected sealed override void StoreNewest(ReadOnlySpan<float> key, ReadOnlySpan<float> value)
    {
        int position = Tokens - 1;
        bool sink = position < _policy.Sinks;
        (sink ? _sinkKeys : _windowKeys).Write(position, key);
        (sink ? _sinkValues : _windowValues).Write(position, value);
        if (WindowTokens == _policy.WindowCapacity)
            LeaveWindow();
    }

    /// <summary>Gets ready for a prompt's middle.</summary>
    /// <param name="values">Its values, [middle, headDim].</param>
    protected virtual void BeginMiddle(NativeBuffer<float> values)
    {
    }

    /// <summary>Takes a prompt's middle, of which blocks join one by one where the policy does not choose among them.</summary>
    /// <param name="keys">[tokens, headDim], sinks and window among them.</param>
    /// <param name="values">The same.</param>
    protected virtual void StoreMiddle(NativeBuffer<float> keys, NativeBuffer<float> values)
    {
        int block = _policy.BlockTokens * HeadDim;
        for (int first = 0; first < Middle; first += _policy.BlockTokens)
        {
            long start = (SinkTokens + (long)first) * HeadDim;
            AddToMiddle(first, keys.Slice(start, block), values.Slice(start, block));
        }
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

    protected sealed override void ScoreTokens(AttentionStep step, int first, int end, bool isFirst, bool isLast)
    {
        if (isFirst)
            ScoreSinks(step.Queries, step.Scores[ScoresStart..], ScoreStride);
        ScoreMiddle(step, first, end, step.Scores[(MiddleStart + first)..]);
        if (isLast)
            ScoreWindow(step.Queries, step.Scores[(MiddleStart + Kept)..], ScoreStride);
    }

    protected sealed override void SumTokens(AttentionStep step, Span<float> largest, int first, int end, bool isFirst, bool isLast, Span<float> outputs)
    {
        if (isFirst)
            AddSinks(step.Scores[ScoresStart..], ScoreStride, outputs);
        ReadOnlySpan<float> middle = step.Scores[(MiddleStart + first)..];
        // A sink's weight, or one in the window, may be far above all of the middle's.
        for (int query = 0; query < largest.Length && (isFirst || isLast); query++)
            largest[query] = RoundedFactors.LargestMagnitude(middle.Slice(query * ScoreStride, end - first), []);
        SumMiddle(middle, largest, first, end, outputs);
        if (isLast)
            AddWindow(step.Scores[(MiddleStart + Kept)..], ScoreStride, outputs);
    }

    /// <summary>Scores of the middle's tokens [first, end), from where their row begins, a row of <see cref="HeadCache.ScoreStride"/> for each query.</summary>
    protected abstract void ScoreMiddle(AttentionStep step, int first, int end, Span<float> scores);

    /// <summary>Adds the weighted values of the middle's tokens [first, end), laid out as in <see cref="ScoreMiddle"/>; no weight of a query is above its largest.</summary>
    protected virtual void SumMiddle(ReadOnlySpan<float> weights, ReadOnlySpan<float> largest, int first, int end, Span<float> outputs)
    {
    }

    /// <summary>Scores of the sinks, [group, stride].</summary>
    protected void ScoreSinks(ReadOnlySpan<float> queries, Span<float> scores, int stride) => _sinkKeys.Scores(queries, 0, SinkTokens, scores, stride);

    /// <summary>Scores of the window, [group, stride].</summary>
    protected void ScoreWindow(ReadOnlySpan<float> queries, Span<float> scores, int stride) => _windowKeys.Scores(queries, SinkTokens + Middle, Tokens, scores, stride);

    /// <summary>Adds the weighted values of the sinks.</summary>
    protected void AddSinks(ReadOnlySpan<float> weights, int stride, Span<float> outputs) => _sinkValues.AddWeighted(weights, stride, 0, SinkTokens, outputs);

    /// <summary>Adds the weighted values of the window.</summary>
    protected void AddWindow(ReadOnlySpan<float> weights, int stride, Span<float> outputs) =>
        _windowValues.AddWeighted(weights, stride, SinkTokens + Middle, Tokens, outputs);

    /// <summary>Fills in the probability of a segment's tokens, summed over the query group, by the weights of all segments.</summary>
    [SkipLocalsInit]
    protected void Rate(HostRows host, AttentionStep step, int segment)
    {
        int group = step.Queries.Length / HeadDim;
        using Scratch<float> room = new(stackalloc float[Scratch<float>.Little], group);
        Span<float> shares = room.Span;
        for (int query = 0; query < group; query++)
        {
            float sum = 0;
            foreach (float part in SumsOf(step, query))
                sum += part;
            shares[query] = 1 / sum;
        }

        (int first, int end) = TokensOf(segment);
        Softmax.Mix(step.Scores[(MiddleStart + first)..], ScoreStride, shares, host.Mass(Middle)[first..end]);
    }

    /// <summary>Chooses the middle's tokens of most probability, whatever numbers their scores are, and fetches their rows.</summary>
    /// <returns>Whether weights were too small to tell which tokens those are. Then scores, computed once more, have taken the place of all weights.</returns>
    protected bool Choose(HostRows host, AttentionStep step)
    {
        bool again = !host.Choose(Middle);
        if (again)
        {
            ScoreAgain(step);
            RateByScores(host, step);
            host.Choose(Middle);
        }

        host.Fetch();
        return again;
    }

    /// <summary>Puts all scores in the place of the weights that have been made of them.</summary>
    protected void ScoreAgain(AttentionStep step)
    {
        ScoreTokens(step, 0, Middle, isFirst: true, isLast: true);
        int group = step.Queries.Length / HeadDim;
        for (int query = 0; query < group; query++)
            step.Cap(step.Scores.Slice((query * ScoreStride) + ScoresStart, Scored));
    }

    /// <summary>Fills in the logarithm of what <see cref="Rate(HostRows, AttentionStep, int)"/> does, for scores that lie further apart than exp can tell.</summary>
    private void RateByScores(HostRows host, AttentionStep step)
    {
        Span<float> logarithms = host.Mass(Middle);
        logarithms.Fill(float.NegativeInfinity);
        int group = step.Queries.Length / HeadDim;
        for (int query = 0; query < group; query++)
        {
            float whole = Softmax.Largest(LargestOf(step, query)) + MathF.Log(TensorPrimitives.Sum<float>(SumsOf(step, query)));
            ReadOnlySpan<float> scores = step.Scores.Slice((query * ScoreStride) + MiddleStart, Middle);
            for (int token = 0; token < scores.Length; token++)
            {
                float sum = logarithms[token], one = Math.Max(scores[token] - whole, float.MinValue);
                logarithms[token] = Math.Max(sum, one) + float.LogP1(MathF.Exp(-MathF.Abs(sum - one)));
            }
        }
    }

    [SkipLocalsInit]
    private void LeaveWindow()
    {
        int first = SinkTokens + Middle;
        int length = _policy.BlockTokens * HeadDim;
        using Scratch<float> room = new(stackalloc float[Scratch<float>.Little], 2 * length);
        Span<float> rows = room.Span;
        _windowKeys.ReadRange(first, rows[..length]);
        _windowValues.ReadRange(first, rows[length..]);
        AddToMiddle(Middle, rows[..length], rows[length..]);
        Middle += _policy.BlockTokens;
    }
}
