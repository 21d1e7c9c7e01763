using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Runtime.Attention;
using TailorKV.Runtime.Cache;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Models;
using TailorKV.Runtime.Sessions;
using TailorKV.Runtime.Verification;

namespace TailorKV.Profiler.Measuring;

/// <summary>
/// Measures what it costs to keep one layer otherwise while all others stay exact: the layer's real cache is loaded with the context, the tail is decoded
/// through it token by token, and the layers above, which see what comes out, are computed anew for the tail alone.
/// </summary>
internal sealed class LayerSubstitution : IDisposable
{
    private readonly CausalLanguageModel _model;
    private readonly ModelShape _shape;
    private readonly WindowRecord _record;
    private readonly Workspace _workspace;
    private readonly Arena _arena;
    private readonly NativeBuffer<float> _logits;
    private readonly float[] _exact;

    /// <summary>Takes the exact pass's logits of the tail.</summary>
    /// <param name="model">The model.</param>
    /// <param name="record">An exact pass over a window of it.</param>
    /// <param name="session">The session that made the pass.</param>
    /// <param name="cancellation">Ends the work.</param>
    public LayerSubstitution(CausalLanguageModel model, WindowRecord record, Session session, CancellationToken cancellation)
    {
        (_model, _shape, _record) = (model, model.Shape, record);
        int tokens = record.Context + record.Tail;
        _arena = new Arena("substitution", MemoryBytes(_shape, record.Context, record.Tail));
        _workspace = new Workspace(_shape, tokens, record.Tail, predictsQueries: true, _arena);
        _logits = _arena.Take<float>((long)record.Tail * _shape.VocabularySize);
        _exact = new float[record.Tail * _shape.VocabularySize];
        session.PromptLogits(
            record.Context,
            (position, logits) => LogProbabilities.All(logits, _exact.AsSpan((position - record.Context) * _shape.VocabularySize, _shape.VocabularySize)),
            cancellation);
    }

    /// <summary>Bytes the measurement takes beside the record, logits of the exact pass included.</summary>
    public static long MemoryBytes(ModelShape shape, int context, int tail) =>
        MemoryModel.Activations(shape, context + tail, tail, predictsQueries: true) + CacheBytes.Align((long)tail * shape.VocabularySize * sizeof(float));

    /// <summary>Measures one option of one layer.</summary>
    /// <returns>Mean KL divergence over the tail in nats per token, and the relative error of the layer's attention output.</returns>
    public (double Loss, double OutputError) Measure(int layer, LayerPolicy policy)
    {
        int tail = _record.Tail;
        LayerShape shape = _shape.Layer(layer);
        int tokens = _record.Context + tail;
        Attend(layer, policy);
        double error = RelativeError(_workspace.Attended.Slice(0, tail * shape.Heads * shape.HeadDim), _record.TailAttended[layer].Span);

        Transformer transformer = _model.Transformer;
        _record.TailHidden[layer].Span.CopyTo(_workspace.Hidden.Span);
        transformer.Finish(layer, tail, _workspace);
        for (int above = layer + 1; above < _shape.Layers; above++)
        {
            transformer.Project(above, _record.Context, tail, _workspace);
            StoreTail(above);
            PrefillAttention.Run(
                _shape.Layer(above), _record.Context, tail, _workspace.Queries, _record.Keys[above], _record.Values[above], tokens, _workspace.Attended);
            transformer.Finish(above, tail, _workspace);
        }

        transformer.Logits(_workspace.Hidden.Span, tail, _workspace.Normed.Span, _logits.Span);
        var losses = new double[tail];
        Parallel.For(0, tail, row =>
            losses[row] = LogProbabilities.Divergence(
                _exact.AsSpan(row * _shape.VocabularySize, _shape.VocabularySize), _logits.Slice(row * _shape.VocabularySize, _shape.VocabularySize)));
        return (losses.Sum() / tail, error);
    }

    public void Dispose() => _arena.Dispose();

    private void Attend(int layer, LayerPolicy policy)
    {
        int tail = _record.Tail;
        int tokens = _record.Context + tail;
        CacheBytes bytes = policy.Bytes(_shape.Layer(layer), tokens);
        using var device = new Arena("device", bytes.Device);
        using var host = new Arena("host", bytes.Host);
        using var staging = new Arena("staging", bytes.Staging);
        var cache = new LayerCache(policy, _shape.Layer(layer), tokens, device, host, staging);
        cache.Load(_record.Keys[layer].Span, _record.Values[layer].Span, _record.Context, tokens);
        if (cache.NeedsPredictedQueries)
        {
            _record.TailNormed[layer - 1].Span.CopyTo(_workspace.Normed.Span);
            _model.Transformer.PredictQueries(layer, _record.Context, tail, _workspace);
        }

        cache.Extend(
            tail, _record.TailQueries[layer], _workspace.Predicted, _record.TailKeys[layer], _record.TailValues[layer], _workspace.Attended, _workspace.Scores);
    }

    private void StoreTail(int layer)
    {
        int headDim = _shape.HeadDim;
        int tokens = _record.Context + _record.Tail;
        for (int row = 0; row < _record.Tail; row++)
        {
            for (int head = 0; head < _shape.KvHeads; head++)
            {
                int from = ((row * _shape.KvHeads) + head) * headDim;
                int to = ((head * tokens) + _record.Context + row) * headDim;
                _workspace.Keys.Slice(from, headDim).CopyTo(_record.Keys[layer].Slice(to, headDim));
                _workspace.Values.Slice(from, headDim).CopyTo(_record.Values[layer].Slice(to, headDim));
            }
        }
    }

    private static double RelativeError(ReadOnlySpan<float> changed, ReadOnlySpan<float> exact)
    {
        double difference = 0;
        double norm = 0;
        for (int i = 0; i < changed.Length; i++)
        {
            difference += Math.Pow(changed[i] - exact[i], 2);
            norm += Math.Pow(exact[i], 2);
        }

        return norm > 0 ? Math.Sqrt(difference / norm) : 0;
    }
}
