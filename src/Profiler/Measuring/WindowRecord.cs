using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Runtime.Backends;
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

    // What any policy's cache asks for: beside keys and values it is little.
    private static readonly PromptQueryNeeds QueriesKept = PromptQueryNeeds.Of(Catalogue.All);

    private readonly ModelShape _shape;
    private readonly Transformer _transformer;
    private readonly Arena _arena;
    private readonly HostTensor[] _scoredQueries;

    /// <summary>Takes the memory.</summary>
    /// <param name="backend">What the window is read on.</param>
    /// <param name="transformer">What reads it.</param>
    /// <param name="context">Tokens before the tail.</param>
    /// <param name="tail">Tokens judged.</param>
    public WindowRecord(Backend backend, Transformer transformer, int context, int tail)
    {
        ModelShape shape = transformer.Shape;
        (_shape, Context, Tail, _transformer) = (shape, context, tail, transformer);
        long rows = (long)shape.KvHeads * (context + tail) * shape.HeadDim;
        _arena = backend.TakeHost("window", MemoryBytes(shape, context, tail));
        Keys = Each(() => _arena.TakeTensor(rows));
        HostTensor[] values = Each(() => _arena.TakeTensor(rows));
        KeyValues = [.. Keys.Zip(values, (keys, ofValues) => new KeyValues(keys, ofValues, context + tail))];
        TailKeys = Each(() => _arena.TakeTensor((long)tail * shape.KvHeads * shape.HeadDim));
        TailValues = Each(() => _arena.TakeTensor((long)tail * shape.KvHeads * shape.HeadDim));
        TailHidden = Each(() => _arena.TakeTensor((long)tail * shape.HiddenSize));
        TailNormed = Each(() => _arena.TakeTensor((long)tail * shape.HiddenSize));
        TailQueries = Each(() => _arena.TakeTensor((long)tail * shape.Heads * shape.HeadDim));
        TailAttended = Each(() => _arena.TakeTensor((long)tail * shape.Heads * shape.HeadDim));
        ScoredContexts = Scored(context + tail);
        _scoredQueries = Each(() => _arena.TakeTensor((long)ScoredContexts.Count * DensePreference.ScoredQueries * shape.Heads * shape.HeadDim));
        ContextQueries = [.. Enumerable.Range(0, shape.Layers).Select(layer => transformer.TakeQueries(layer, QueriesKept, _arena))];
        HeadDensities = new double[shape.Layers][][];
    }

    /// <summary>Tokens before the tail.</summary>
    public int Context { get; }

    /// <summary>Tokens judged.</summary>
    public int Tail { get; }

    /// <summary>[layer][kvHeads, context + tail, headDim]; the tail's rows are another's while a layer is measured, and exact again after it.</summary>
    public HostTensor[] Keys { get; }

    /// <summary>By layer, <see cref="Keys"/> and the values with them.</summary>
    public KeyValues[] KeyValues { get; }

    /// <summary>[layer][tail, kvHeads, headDim], exact.</summary>
    public HostTensor[] TailKeys { get; }

    /// <summary>[layer][tail, kvHeads, headDim], exact.</summary>
    public HostTensor[] TailValues { get; }

    /// <summary>[layer][tail, hidden]: each layer's input.</summary>
    public HostTensor[] TailHidden { get; }

    /// <summary>[layer][tail, hidden]: each layer's input after its norm.</summary>
    public HostTensor[] TailNormed { get; }

    /// <summary>[layer][tail, heads, headDim].</summary>
    public HostTensor[] TailQueries { get; }

    /// <summary>[layer][tail, heads, headDim].</summary>
    public HostTensor[] TailAttended { get; }

    /// <summary>Tokens after which the dense-preference score is taken, ascending: eighths, a quarter and half of the window, where that is enough, and all of it.</summary>
    public IReadOnlyList<int> ScoredContexts { get; }

    /// <summary>[layer][scored context][head]: dense-preference scores.</summary>
    public double[][][] HeadDensities { get; }

    /// <summary>By layer, what is kept of the context's queries.</summary>
    public PromptQueries[] ContextQueries { get; }

    /// <summary>Bytes a record takes.</summary>
    public static long MemoryBytes(ModelShape shape, int context, int tail)
    {
        long keys = CacheBytes.Align((long)shape.KvHeads * (context + tail) * shape.HeadDim * sizeof(float));
        long tailKeys = CacheBytes.Align((long)tail * shape.KvHeads * shape.HeadDim * sizeof(float));
        long hidden = CacheBytes.Align((long)tail * shape.HiddenSize * sizeof(float));
        long queries = CacheBytes.Align((long)tail * shape.Heads * shape.HeadDim * sizeof(float));
        long scored = CacheBytes.Align((long)Scored(context + tail).Count * DensePreference.ScoredQueries * shape.Heads * shape.HeadDim * sizeof(float));
        long kept = shape.KvHeads * QueriesKept.BytesPerKvHead(shape.Layer(0));
        return shape.Layers * ((2 * keys) + (2 * tailKeys) + (2 * hidden) + (2 * queries) + scored + kept);
    }

    public override void OnLayerInput(int layer, int first, int count, Workspace workspace) =>
        CopyTail(workspace.Hidden, first, count, _shape.HiddenSize, TailHidden[layer]);

    public override void OnAttended(int layer, int first, int count, Workspace workspace)
    {
        CopyTail(workspace.Normed, first, count, _shape.HiddenSize, TailNormed[layer]);
        CopyTail(workspace.Queries, first, count, _shape.Heads * _shape.HeadDim, TailQueries[layer]);
        CopyTail(workspace.Attended, first, count, _shape.Heads * _shape.HeadDim, TailAttended[layer]);
        KeepScored(layer, first, count, workspace.Queries);
        if (first < Context)
            _transformer.Observe(layer, first, Math.Min(count, Context - first), workspace, ContextQueries[layer]);
    }

    public override void OnLayerDone(int layer, KeyValues prompt, int tokens, DeviceTensor hidden)
    {
        (DeviceTensor keys, DeviceTensor values) = (KeyValues[layer].Keys, KeyValues[layer].Values);
        prompt.Keys.CopyTo(keys);
        prompt.Values.CopyTo(values);
        for (int row = 0; row < Tail; row++)
        {
            for (int head = 0; head < _shape.KvHeads; head++)
            {
                long from = (((long)head * prompt.Stride) + Context + row) * _shape.HeadDim, to = (((long)row * _shape.KvHeads) + head) * _shape.HeadDim;
                keys.Part(from, _shape.HeadDim).CopyTo(TailKeys[layer].Part(to, _shape.HeadDim));
                values.Part(from, _shape.HeadDim).CopyTo(TailValues[layer].Part(to, _shape.HeadDim));
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
        int count = ScoredQueries(tokens) * length;
        HostTensor queries = _scoredQueries[layer].Part((long)scored * DensePreference.ScoredQueries * length, count);
        var scores = new double[_shape.Heads];
        Parallel.For(0, scores.Length, head => scores[head] = DensePreference.Score(
            _shape.Layer(layer), head, tokens, queries.Slice(0, count), Keys[layer], Context + Tail, _transformer.AttentionSoftCap));
        return scores;
    }

    /// <summary>Keeps those of a chunk's queries that are scored.</summary>
    private void KeepScored(int layer, int first, int count, DeviceTensor queries)
    {
        int length = _shape.Heads * _shape.HeadDim;
        for (int scored = 0; scored < ScoredContexts.Count; scored++)
        {
            int start = ScoredContexts[scored] - ScoredQueries(ScoredContexts[scored]);
            int from = Math.Max(first, start), to = Math.Min(first + count, ScoredContexts[scored]);
            if (from < to)
                queries.Part((long)(from - first) * length, (long)(to - from) * length).CopyTo(_scoredQueries[layer].Part((((long)scored * DensePreference.ScoredQueries) + from - start) * length, (long)(to - from) * length));
        }
    }

    private void CopyTail(DeviceTensor rows, int first, int count, int length, HostTensor tail)
    {
        int from = Math.Max(first, Context);
        if (from < first + count)
            rows.Part((from - first) * (long)length, (first + count - from) * (long)length).CopyTo(tail.Part((from - Context) * (long)length, (first + count - from) * (long)length));
    }

    private HostTensor[] Each(Func<HostTensor> take) => [.. Enumerable.Range(0, _shape.Layers).Select(_ => take())];
}
