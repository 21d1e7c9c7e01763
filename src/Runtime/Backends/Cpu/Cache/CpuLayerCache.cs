using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Backends.Cpu.Cache.Heads;
using TailorKV.Runtime.Backends.Cpu.Cache.Queries;
using TailorKV.Runtime.Backends.Cpu.Threads;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Numbers;

namespace TailorKV.Runtime.Backends.Cpu.Cache;

/// <summary>A layer's cache on the CPU: a cache for each KV head, whose steps the threads share.</summary>
internal sealed unsafe class CpuLayerCache : LayerCache
{
    /// <summary>The fewest tokens of a piece of a head's step that one thread does, unless a cache is made with another number.</summary>
    public const int DefaultSegmentTokens = 512;

    private readonly HeadCache[] _heads;
    private readonly CpuPromptQueries? _promptQueries;
    private readonly float[] _segmentSums;
    private readonly int[] _finished;
    private readonly LayerShape _layer;
    private readonly int _context;
    private readonly int _scoreRow;
    private readonly WorkerPool _pool;
    private readonly float? _softCap;

    // Their memory is theirs as long as somebody knows them.
    private readonly Arena[] _arenas;

    /// <summary>Takes the cache's memory.</summary>
    /// <param name="pool">The threads that do its work.</param>
    /// <param name="policy">How the layer is kept.</param>
    /// <param name="layer">Its shape.</param>
    /// <param name="context">The most tokens it can hold.</param>
    /// <param name="device">Where its device buffers come from.</param>
    /// <param name="host">Where its host buffers come from.</param>
    /// <param name="staging">Where the buffers come from that it needs only while it runs, and may share with other layers.</param>
    /// <param name="segmentTokens">The fewest tokens of a piece of a head's step that one thread does; at least the head dimension.</param>
    /// <param name="softCap">The <see cref="SoftCap"/> of scores, or null.</param>
    /// <param name="calibration">What is known of the layer's queries and keys, where the policy needs it.</param>
    public CpuLayerCache(
        WorkerPool pool, LayerPolicy policy, LayerShape layer, int context, Arena device, Arena host, Arena staging, int segmentTokens = DefaultSegmentTokens, float? softCap = null,
        KeyCalibration? calibration = null)
    {
        _pool = pool;
        segmentTokens = Math.Max(segmentTokens, layer.HeadDim);
        _layer = layer;
        _context = context;
        _softCap = softCap;
        // A query group's scores are one span, which what prices a session sees to.
        ArgumentOutOfRangeException.ThrowIfGreaterThan(layer.Heads / layer.KvHeads * (long)MemoryModel.ScoreRow(context), int.MaxValue, nameof(context));
        _arenas = [device, host, staging];
        _scoreRow = MemoryModel.ScoreRow(context);
        _heads = new HeadCache[layer.KvHeads];
        _promptQueries = policy.PromptQueries.Any ? new CpuPromptQueries(policy.PromptQueries, layer, softCap, staging) : null;
        for (int head = 0; head < _heads.Length; head++)
            _heads[head] = HeadCaches.Make(policy, new HeadRequest(layer, context, segmentTokens, device, host, staging, head, calibration, _promptQueries?[head]));

        _finished = new int[(_heads.Length + 1) * WorkerPool.CountStride];
        _segmentSums = new float[2L * layer.Heads * HeadCache.MostSegments(context, segmentTokens)];
        NeedsPredictedQueries = policy.NeedsPredictedQueries;
    }

    public override int Tokens => _heads[0].Tokens;

    public override bool NeedsPredictedQueries { get; }

    public override PromptQueries? PromptQueries => _promptQueries;

    public override void Load(KeyValues prompt, int tokens) => Load(prompt.Keys.Buffer, prompt.Values.Buffer, tokens, prompt.Stride);

    public override void Extend(int count, Workspace workspace) => Extend(
        count, workspace.Queries.Buffer, workspace.Predicted.Buffer, workspace.Keys.Buffer, workspace.Values.Buffer, workspace.Attended.Buffer, workspace.Scores.Buffer);

    /// <summary>Starts over with a prompt.</summary>
    /// <param name="keys">[kvHeads, stride, headDim], after RoPE; the first <paramref name="tokens"/> of each head count.</param>
    /// <param name="values">The same.</param>
    /// <param name="tokens">Tokens of the prompt.</param>
    /// <param name="stride">Tokens from one head to the next.</param>
    public void Load(ReadOnlySpan<float> keys, ReadOnlySpan<float> values, int tokens, int stride)
    {
        fixed (float* key = keys, value = values)
            Load(new NativeBuffer<float>(key, keys.Length), new NativeBuffer<float>(value, values.Length), tokens, stride);
    }

    /// <inheritdoc cref="Load(ReadOnlySpan{float}, ReadOnlySpan{float}, int, int)"/>
    public void Load(NativeBuffer<float> keys, NativeBuffer<float> values, int tokens, int stride)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(tokens, _context);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((_heads.Length - 1) * (long)stride * _layer.HeadDim + ((long)tokens * _layer.HeadDim), Math.Min(keys.Length, values.Length), nameof(stride));
        _pool.Run(_heads.Length, new Loading(this, keys, values, tokens, stride));
        // They have served, and other layers overwrite them.
        _promptQueries?.Clear();
    }

    /// <summary>Adds tokens one by one, each attending to all before it and itself.</summary>
    /// <param name="count">Tokens.</param>
    /// <param name="queries">[count, heads, headDim], scaled.</param>
    /// <param name="predicted">The same, predicted from the layer before; read only where <see cref="NeedsPredictedQueries"/>.</param>
    /// <param name="keys">[count, kvHeads, headDim], after RoPE.</param>
    /// <param name="values">[count, kvHeads, headDim].</param>
    /// <param name="outputs">[count, heads, headDim].</param>
    /// <param name="scores">Room for heads * <see cref="MemoryModel.ScoreRow"/> floats.</param>
    public void Extend(
        int count, NativeBuffer<float> queries, NativeBuffer<float> predicted, NativeBuffer<float> keys, NativeBuffer<float> values,
        NativeBuffer<float> outputs, NativeBuffer<float> scores)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(Tokens + count, _context);
        bool chooses = _heads[0].Chooses;
        for (int row = 0; row < count; row++)
        {
            foreach (HeadCache head in _heads)
                head.Advance();
            Step step = new(this, row, queries, predicted, keys, values, outputs, scores);
            Array.Clear(_finished);
            int heads = _heads.Length, pieces = heads * step.Segments;
            if (chooses)
                _pool.Run([heads, pieces, pieces, pieces, heads, _heads[0].SumsSegments ? pieces : 0], new ChoosingStep(step));
            else
                _pool.Run([heads, pieces], step);
        }
    }

    public override ReadOnlySpan<float> ChoosingMass(int kvHead, out int sinks)
    {
        RetrievedHead? head = _heads[kvHead] as RetrievedHead;
        sinks = head?.SinkTokens ?? 0;
        return head is null ? [] : head.ChoosingMass;
    }

    /// <summary>A prompt on its way into the heads, one a part.</summary>
    private readonly struct Loading(CpuLayerCache cache, NativeBuffer<float> keys, NativeBuffer<float> values, int tokens, int stride) : IWork
    {
        public void Run(int part)
        {
            long start = (long)part * stride * cache._layer.HeadDim, length = (long)tokens * cache._layer.HeadDim;
            cache._heads[part].Load(keys.Part(start, length), values.Part(start, length), tokens);
        }
    }

    /// <summary>One token's step through all heads: each takes the token, then a segment of a head is a part.</summary>
    private readonly record struct Step(
        CpuLayerCache Cache, int Row, NativeBuffer<float> Queries, NativeBuffer<float> Predicted, NativeBuffer<float> Keys, NativeBuffer<float> Values,
        NativeBuffer<float> Outputs, NativeBuffer<float> Scores) : IWork
    {
        public int Segments => Cache._heads[0].Segments;

        public void Run(int part)
        {
            if (part < Cache._heads.Length)
            {
                Append(part);
                return;
            }

            part -= Cache._heads.Length;
            int head = part / Segments, segment = part % Segments;
            Await(head, Stage.Append, 1);
            AttentionStep step = Of(head);
            Cache._heads[head].Score(step, segment);
            Cache._heads[head].Weigh(step, segment);
            Cache._heads[head].Sum(step, segment);
            if (Interlocked.Increment(ref Finished(head, Stage.Sum)) == Segments)
                Cache._heads[head].Merge(step);
        }

        /// <summary>Gives a head its new token, and makes the queries ready for it.</summary>
        public void Append(int head)
        {
            int headDim = Cache._layer.HeadDim;
            long start = (((long)Row * Cache._heads.Length) + head) * headDim;
            try
            {
                Cache._heads[head].Append(Keys.Slice(start, headDim), Values.Slice(start, headDim));
                Cache._heads[head].Prepare(Of(head));
            }
            finally
            {
                // Failed or not: who waits for it must not wait for ever.
                Interlocked.Increment(ref Finished(head, Stage.Append));
            }
        }

        /// <summary>Waits until so many of a head's parts have finished a stage.</summary>
        public void Await(int head, Stage stage, int count)
        {
            ref int finished = ref Finished(head, stage);
            SpinWait spin = default;
            while (Volatile.Read(ref finished) < count)
                spin.SpinOnce(sleep1Threshold: -1);
        }

        /// <summary>How many of a head's parts have finished a stage: who is the last to sum a segment merges them.</summary>
        public ref int Finished(int head, Stage stage) => ref Cache._finished[((head + 1) * WorkerPool.CountStride) + (int)stage];

        public AttentionStep Of(int head)
        {
            int group = Cache._layer.Heads / Cache._layer.KvHeads;
            long start = (((long)Row * Cache._layer.Heads) + (head * group)) * Cache._layer.HeadDim, scores = (long)group * Cache._scoreRow;
            int length = group * Cache._layer.HeadDim, segmentSums = group * Segments;
            Span<float> sums = Cache._segmentSums.AsSpan(2 * head * segmentSums, 2 * segmentSums);
            return new AttentionStep(
                Queries.Slice(start, length),
                Cache.NeedsPredictedQueries ? Predicted.Slice(start, length) : default,
                Outputs.Slice(start, length), Scores.Slice(head * scores, (int)scores),
                sums[..segmentSums], sums[segmentSums..], Cache._softCap);
        }
    }

    private enum Stage
    {
        Append,
        Score,
        Weigh,
        Rate,
        Choose,
        Sum,
    }

    /// <summary>
    /// The same where heads choose: all take the token, all segments are scored, then weighed, then rated, the heads choose, and all segments are summed. A part waits for those of its head that it needs
    /// and for no others.
    /// </summary>
    private readonly struct ChoosingStep(Step step) : IWork
    {
        private readonly int _heads = step.Cache._heads.Length;
        private readonly int _segments = step.Segments;

        public void Run(int part)
        {
            (Stage stage, int head, int segment) = Of(part);
            if (stage == Stage.Append)
            {
                step.Append(head);
                return;
            }

            step.Await(head, stage - 1, stage is Stage.Score or Stage.Sum ? 1 : _segments);
            bool last;
            try
            {
                HeadCache cache = step.Cache._heads[head];
                AttentionStep one = step.Of(head);
                if (stage == Stage.Score)
                    cache.Score(one, segment);
                else if (stage == Stage.Weigh)
                    cache.Weigh(one, segment);
                else if (stage == Stage.Rate)
                    cache.Rate(one, segment);
                else if (stage == Stage.Choose)
                    cache.Choose(one);
                else
                    cache.Sum(one, segment);
            }
            finally
            {
                // Failed or not: who waits for it must not wait for ever.
                last = Interlocked.Increment(ref step.Finished(head, stage)) == _segments;
            }

            if (last && stage == Stage.Sum)
                step.Cache._heads[head].Merge(step.Of(head));
        }

        private (Stage Stage, int Head, int Segment) Of(int part)
        {
            for (Stage stage = Stage.Append; ; stage++)
            {
                int ofHead = stage is Stage.Append or Stage.Choose ? 1 : _segments;
                if (part < _heads * ofHead)
                    return (stage, part / ofHead, part % ofHead);
                part -= _heads * ofHead;
            }
        }
    }
}
