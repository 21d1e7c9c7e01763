using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Sessions;
using TailorKV.Runtime.Verification;

namespace TailorKV.Profiler.Measuring;

/// <summary>
/// What one exact pass over a window leaves behind: every layer's keys and values, and of the tail's tokens each layer's input, normed input, queries
/// and attention output. Single layers are changed afterwards without a second pass.
/// </summary>
internal sealed class WindowRecord : PromptObserver, IDisposable
{
    // The score's definition: the last 32 queries, and the top 5 % of the keys.
    private const int ScoredQueries = 32;
    private const double TopShare = 0.05;

    private readonly ModelShape _shape;
    private readonly Arena _arena;

    public WindowRecord(ModelShape shape, int context, int tail)
    {
        (_shape, Context, Tail) = (shape, context, tail);
        long rows = (long)shape.KvHeads * (context + tail) * shape.HeadDim;
        _arena = new Arena("window", MemoryBytes(shape, context, tail));
        Keys = Each(() => _arena.Take<float>(rows));
        Values = Each(() => _arena.Take<float>(rows));
        TailKeys = Each(() => _arena.Take<float>((long)tail * shape.KvHeads * shape.HeadDim));
        TailValues = Each(() => _arena.Take<float>((long)tail * shape.KvHeads * shape.HeadDim));
        TailHidden = Each(() => _arena.Take<float>((long)tail * shape.HiddenSize));
        TailNormed = Each(() => _arena.Take<float>((long)tail * shape.HiddenSize));
        TailQueries = Each(() => _arena.Take<float>((long)tail * shape.Heads * shape.HeadDim));
        TailAttended = Each(() => _arena.Take<float>((long)tail * shape.Heads * shape.HeadDim));
        HeadDensity = new double[shape.Layers][];
    }

    /// <summary>Tokens before the tail.</summary>
    public int Context { get; }

    /// <summary>Tokens judged.</summary>
    public int Tail { get; }

    /// <summary>[layer][kvHeads, context + tail, headDim]; the tail's rows are overwritten by later passes.</summary>
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

    /// <summary>[layer][head]: dense-preference scores.</summary>
    public double[][] HeadDensity { get; }

    /// <summary>Bytes a record takes.</summary>
    public static long MemoryBytes(ModelShape shape, int context, int tail)
    {
        long keys = CacheBytes.Align((long)shape.KvHeads * (context + tail) * shape.HeadDim * sizeof(float));
        long tailKeys = CacheBytes.Align((long)tail * shape.KvHeads * shape.HeadDim * sizeof(float));
        long hidden = CacheBytes.Align((long)tail * shape.HiddenSize * sizeof(float));
        long queries = CacheBytes.Align((long)tail * shape.Heads * shape.HeadDim * sizeof(float));
        return shape.Layers * ((2 * keys) + (2 * tailKeys) + (2 * hidden) + (2 * queries));
    }

    public override void OnLayerInput(int layer, int first, int count, ReadOnlySpan<float> hidden) =>
        CopyTail(hidden, first, count, _shape.HiddenSize, TailHidden[layer]);

    public override void OnAttended(int layer, int first, int count, ReadOnlySpan<float> normed, ReadOnlySpan<float> queries, ReadOnlySpan<float> attended)
    {
        CopyTail(normed, first, count, _shape.HiddenSize, TailNormed[layer]);
        CopyTail(queries, first, count, _shape.Heads * _shape.HeadDim, TailQueries[layer]);
        CopyTail(attended, first, count, _shape.Heads * _shape.HeadDim, TailAttended[layer]);
    }

    public override void OnLayerDone(int layer, ReadOnlySpan<float> keys, ReadOnlySpan<float> values, int tokens, int stride, ReadOnlySpan<float> hidden)
    {
        keys.CopyTo(Keys[layer].Span);
        values.CopyTo(Values[layer].Span);
        for (int row = 0; row < Tail; row++)
        {
            for (int head = 0; head < _shape.KvHeads; head++)
            {
                int from = ((head * stride) + Context + row) * _shape.HeadDim;
                int to = ((row * _shape.KvHeads) + head) * _shape.HeadDim;
                keys.Slice(from, _shape.HeadDim).CopyTo(TailKeys[layer].Slice(to, _shape.HeadDim));
                values.Slice(from, _shape.HeadDim).CopyTo(TailValues[layer].Slice(to, _shape.HeadDim));
            }
        }

        HeadDensity[layer] = Density(layer);
    }

    public void Dispose() => _arena.Dispose();

    /// <summary>1 - the k largest probabilities, mean over the last queries, for each head (TailorKV, section 1 of the background facts).</summary>
    private double[] Density(int layer)
    {
        int tokens = Context + Tail;
        int queries = Math.Min(ScoredQueries, Tail);
        var scores = new double[_shape.Heads];
        Parallel.For(0, _shape.Heads, head =>
        {
            var probabilities = new float[tokens];
            for (int row = Tail - queries; row < Tail; row++)
            {
                int position = Context + row;
                ReadOnlySpan<float> query = TailQueries[layer].Slice(((row * _shape.Heads) + head) * _shape.HeadDim, _shape.HeadDim);
                AttentionProbabilities.Compute(_shape.Layer(layer), head, position, query, Keys[layer].Span, tokens, probabilities);
                Span<float> seen = probabilities.AsSpan(0, position + 1);
                seen.Sort();
                int largest = Math.Min(seen.Length, Math.Max(1, (int)(TopShare * tokens)));
                double kept = 0;
                foreach (float probability in seen[^largest..])
                    kept += probability;
                scores[head] += Math.Max(0, 1 - kept) / queries;
            }
        });
        return scores;
    }

    private void CopyTail(ReadOnlySpan<float> rows, int first, int count, int length, NativeBuffer<float> tail)
    {
        int from = Math.Max(first, Context);
        if (from < first + count)
            rows[((from - first) * length)..(count * length)].CopyTo(tail.Span[((from - Context) * length)..]);
    }

    private NativeBuffer<float>[] Each(Func<NativeBuffer<float>> take) => [.. Enumerable.Range(0, _shape.Layers).Select(_ => take())];
}
