using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Runtime.Backends.Cpu.Cache.Queries;
using TailorKV.Runtime.Backends.Cpu.Rotary;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Sessions;

namespace TailorKV.Profiler.Measuring;

/// <summary>
/// What one exact pass over a window leaves behind: every layer's keys and values, and of the tail's tokens each layer's input, normed input, queries
/// and attention output. Single layers are changed afterwards without a second pass.
/// </summary>
internal sealed class WindowRecord : PromptObserver, IDisposable
{
    // Fewer tokens than this say little of a layer.
    private const int LeastScored = 2 * DensePreference.ScoredQueries;

    private readonly ModelShape _shape;
    private readonly float? _softCap;
    private readonly Func<int, RotaryEmbedding?> _rotary;
    private readonly Arena _arena;
    private readonly NativeBuffer<float>[] _scoredQueries;

    /// <summary>Takes the memory.</summary>
    /// <param name="shape">The model's sizes.</param>
    /// <param name="context">Tokens before the tail.</param>
    /// <param name="tail">Tokens judged.</param>
    /// <param name="softCap">The soft cap of scores, or null.</param>
    /// <param name="queries">What is kept of the context's queries, for caches that ask for it.</param>
    /// <param name="rotary">What turns a layer's queries; null where it has no rotary embedding.</param>
    public WindowRecord(ModelShape shape, int context, int tail, float? softCap, PromptQueryNeeds queries, Func<int, RotaryEmbedding?> rotary)
    {
        (_shape, Context, Tail, _softCap, _rotary) = (shape, context, tail, softCap, rotary);
        long rows = (long)shape.KvHeads * (context + tail) * shape.HeadDim;
        _arena = new Arena("window", MemoryBytes(shape, context, tail, queries));
        Keys = Each(() => _arena.Take<float>(rows));
        Values = Each(() => _arena.Take<float>(rows));
        TailKeys = Each(() => _arena.Take<float>((long)tail * shape.KvHeads * shape.HeadDim));
        TailValues = Each(() => _arena.Take<float>((long)tail * shape.KvHeads * shape.HeadDim));
        TailHidden = Each(() => _arena.Take<float>((long)tail * shape.HiddenSize));
        TailNormed = Each(() => _arena.Take<float>((long)tail * shape.HiddenSize));
        TailQueries = Each(() => _arena.Take<float>((long)tail * shape.Heads * shape.HeadDim));
        TailAttended = Each(() => _arena.Take<float>((long)tail * shape.Heads * shape.HeadDim));
        ScoredContexts = Scored(context + tail);
        _scoredQueries = Each(() => _arena.Take<float>((long)ScoredContexts.Count * DensePreference.ScoredQueries * shape.Heads * shape.HeadDim));
        ContextQueries = [.. Enumerable.Range(0, shape.Layers).Select(layer =>
            (IReadOnlyList<PromptQueries>)[.. Enumerable.Range(0, shape.KvHeads).Select(_ => new PromptQueries(queries, shape.Layer(layer), _arena))])];
        HeadDensities = new double[shape.Layers][][];
    }

    /// <summary>Tokens before the tail.</summary>
    public int Context { get; }

    /// <summary>Tokens judged.</summary>
    public int Tail { get; }

    /// <summary>[layer][kvHeads, context + tail, headDim]; the tail's rows are another's while a layer is measured, and exact again after it.</summary>
    public NativeBuffer<float>[] Keys { get; }

    /// <summary>As <see cref="Keys"/>.</summary>
    public NativeBuffer<float>[] Values { get; }

    /// <summary>[layer][tail, kvHeads, headDim], exact.</summary>
    public NativeBuffer<float>[] TailKeys { get; }

    /// <summary>[layer][tail, kvHeads, headDim], exact.</summary>
    public NativeBuffer<float>[] TailValues { get; }

    /// <summary>[layer][tail, hidden]: each layer's input.</summary>
    public NativeBuffer<float>[] TailHidden { get; }

    /// <summary>[layer][tail, hidden]: each layer's input after its norm.</summary>
    public NativeBuffer<float>[] TailNormed { get; }

    /// <summary>[layer][tail, heads, headDim].</summary>
    public NativeBuffer<float>[] TailQueries { get; }

    /// <summary>[layer][tail, heads, headDim].</summary>
    public NativeBuffer<float>[] TailAttended { get; }

    /// <summary>Tokens after which the dense-preference score is taken, ascending: eighths, a quarter and half of the window, where that is enough, and all of it.</summary>
    public IReadOnlyList<int> ScoredContexts { get; }

    /// <summary>[layer][scored context][head]: dense-preference scores.</summary>
    public double[][][] HeadDensities { get; }

    /// <summary>[layer][KV head]: what is kept of the context's queries.</summary>
    public IReadOnlyList<PromptQueries>[] ContextQueries { get; }

    /// <summary>Bytes a record takes.</summary>
    public static long MemoryBytes(ModelShape shape, int context, int tail, PromptQueryNeeds queriesKept)
    {
        long keys = CacheBytes.Align((long)shape.KvHeads * (context + tail) * shape.HeadDim * sizeof(float));
        long tailKeys = CacheBytes.Align((long)tail * shape.KvHeads * shape.HeadDim * sizeof(float));
        long hidden = CacheBytes.Align((long)tail * shape.HiddenSize * sizeof(float));
        long queries = CacheBytes.Align((long)tail * shape.Heads * shape.HeadDim * sizeof(float));
        long scored = CacheBytes.Align((long)Scored(context + tail).Count * DensePreference.ScoredQueries * shape.Heads * shape.HeadDim * sizeof(float));
        long kept = shape.KvHeads * queriesKept.BytesPerKvHead(shape.Layer(0));
        return shape.Layers * ((2 * keys) + (2 * tailKeys) + (2 * hidden) + (2 * queries) + scored + kept);
    }

    public override void OnLayerInput(int layer, int first, int count, ReadOnlySpan<float> hidden) =>
        CopyTail(hidden, first, count, _shape.HiddenSize, TailHidden[layer]);

    public override void OnAttended(int layer, int first, int count, ReadOnlySpan<float> normed, ReadOnlySpan<float> queries, ReadOnlySpan<float> attended)
    {
        CopyTail(normed, first, count, _shape.HiddenSize, TailNormed[layer]);
        CopyTail(queries, first, count, _shape.Heads * _shape.HeadDim, TailQueries[layer]);
        CopyTail(attended, first, count, _shape.Heads * _shape.HeadDim, TailAttended[layer]);
        KeepScored(layer, first, count, queries);
        for (int head = 0; head < _shape.KvHeads && first < Context; head++)
            ContextQueries[layer][head].Add(head, first, Math.Min(count, Context - first), queries, _shape.Heads, _rotary(layer));
    }

    internal override void OnLayerDone(int layer, NativeBuffer<float> keys, NativeBuffer<float> values, int tokens, int stride, NativeBuffer<float> hidden)
    {
        keys.CopyTo(Keys[layer]);
        values.CopyTo(Values[layer]);
        for (int row = 0; row < Tail; row++)
        {
            for (int head = 0; head < _shape.KvHeads; head++)
            {
                long from = (((long)head * stride) + Context + row) * _shape.HeadDim, to = (((long)row * _shape.KvHeads) + head) * _shape.HeadDim;
                keys.Slice(from, _shape.HeadDim).CopyTo(TailKeys[layer].Slice(to, _shape.HeadDim));
                values.Slice(from, _shape.HeadDim).CopyTo(TailValues[layer].Slice(to, _shape.HeadDim));
            }
        }

        HeadDensities[layer] = [.. Enumerable.Range(0, ScoredContexts.Count).Select(scored => Density(layer, scored))];
    }

    public void Dispose() => _arena.Dispose();

    /// <summary>Tokens of a window after which the score is taken.</summary>
    public static IReadOnlyList<int> Scored(int tokens) => [.. new[] { tokens / 8, tokens / 4, tokens / 2 }.Where(context => context >= LeastScored), tokens];

    /// <summary>Queries that are scored after so many tokens: the window's last are the tail's.</summary>
    private int ScoredQueries(int context) => Math.Min(DensePreference.ScoredQueries, context == Context + Tail ? Tail : context);

    private double[] Density(int layer, int scored)
    {
        int tokens = ScoredContexts[scored], length = _shape.Heads * _shape.HeadDim;
        NativeBuffer<float> queries = _scoredQueries[layer].From((long)scored * DensePreference.ScoredQueries * length);
        var scores = new double[_shape.Heads];
        Parallel.For(0, scores.Length, head => scores[head] = DensePreference.Score(
            _shape.Layer(layer), head, tokens, queries.Slice(0, ScoredQueries(tokens) * length), Keys[layer], Context + Tail, _softCap));
        return scores;
    }

    /// <summary>Keeps those of a chunk's queries that are scored.</summary>
    private void KeepScored(int layer, int first, int count, ReadOnlySpan<float> queries)
    {
        int length = _shape.Heads * _shape.HeadDim;
        for (int scored = 0; scored < ScoredContexts.Count; scored++)
        {
            int start = ScoredContexts[scored] - ScoredQueries(ScoredContexts[scored]);
            int from = Math.Max(first, start), to = Math.Min(first + count, ScoredContexts[scored]);
            if (from < to)
                queries[((from - first) * length)..((to - first) * length)].CopyTo(_scoredQueries[layer].Slice((((long)scored * DensePreference.ScoredQueries) + from - start) * length, (to - from) * length));
        }
    }

    private void CopyTail(ReadOnlySpan<float> rows, int first, int count, int length, NativeBuffer<float> tail)
    {
        int from = Math.Max(first, Context);
        if (from < first + count)
            rows[((from - first) * length)..(count * length)].CopyTo(tail.Slice((from - Context) * (long)length, (first + count - from) * length));
    }

    private NativeBuffer<float>[] Each(Func<NativeBuffer<float>> take) => [.. Enumerable.Range(0, _shape.Layers).Select(_ => take())];
}
