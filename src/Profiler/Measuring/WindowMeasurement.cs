using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Runtime;
using TailorKV.Runtime.Attention;
using TailorKV.Runtime.Cache;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Models;
using TailorKV.Runtime.Sessions;
using TailorKV.Runtime.Verification;

namespace TailorKV.Profiler.Measuring;

/// <summary>
/// Measures what it costs to keep layers otherwise. One layer while all others stay exact: the layer's real cache is loaded with the context, the tail is decoded
/// through it token by token, and the layers above, which see what comes out, are computed anew for the tail alone.
/// </summary>
public sealed class WindowMeasurement : IDisposable
{
    private readonly CausalLanguageModel _model;
    private readonly ModelShape _shape;
    private readonly WindowRecord _record;
    private readonly Workspace _workspace;
    private readonly Arena _arena;
    private readonly NativeBuffer<float> _logits;
    private readonly float[] _exact;

    /// <summary>Reads the window exactly.</summary>
    /// <param name="model">The model.</param>
    /// <param name="window">Tokens: context, then the tail that is judged.</param>
    /// <param name="context">Tokens before the tail.</param>
    /// <param name="progress">Told the share of the exact pass done, 0 to 1.</param>
    /// <param name="cancellation">Ends the work.</param>
    /// <exception cref="Runtime.InsufficientMemoryException">The machine has not enough memory free.</exception>
    public WindowMeasurement(
        CausalLanguageModel model, ReadOnlySpan<int> window, int context, IProgress<double>? progress = null, CancellationToken cancellation = default)
    {
        (_model, _shape) = (model, model.Shape);
        int tail = window.Length - context;
        FreeMemory.Require(MemoryBytes(_shape, context, tail), $"measuring {tail} tokens after {context}");
        using Session session = model.CreateFullSession(window.Length, ExactPrecision.Float32);
        _record = new WindowRecord(_shape, context, tail);
        session.Prefill(window, _record, progress, cancellation);
        _arena = new Arena("measurement", WorkBytes(_shape, context, tail));
        _workspace = new Workspace(_shape, window.Length, tail, predictsQueries: true, _arena);
        _logits = _arena.Take<float>((long)tail * _shape.VocabularySize);
        _exact = new float[tail * _shape.VocabularySize];
        session.PromptLogits(
            context,
            (position, logits) => LogProbabilities.All(logits, _exact.AsSpan((position - context) * _shape.VocabularySize, _shape.VocabularySize)),
            cancellation);
    }

    /// <summary>Bytes of memory that a measurement holds, the exact pass's session not counted.</summary>
    /// <param name="shape">The model's sizes.</param>
    /// <param name="context">Tokens before the tail.</param>
    /// <param name="tail">Tokens judged.</param>
    public static long MemoryBytes(ModelShape shape, int context, int tail) =>
        WindowRecord.MemoryBytes(shape, context, tail) + (2 * WorkBytes(shape, context, tail));

    /// <summary>Dense-preference score of each query head of a layer.</summary>
    public IReadOnlyList<double> HeadDensePreference(int layer) => _record.HeadDensity[layer];

    /// <summary>Log probability, in nats, that the exact cache gives a token after one of the tail's.</summary>
    /// <param name="row">The tail's token, from 0.</param>
    /// <param name="token">The token after it.</param>
    public double ExactLogProbability(int row, int token) => _exact[(row * _shape.VocabularySize) + token];

    /// <summary>Measures one option of one layer.</summary>
    /// <param name="layer">The layer, from 0.</param>
    /// <param name="policy">How it is kept.</param>
    /// <returns>Mean KL divergence over the tail in nats per token, and the relative error of the layer's attention output.</returns>
    public (double Loss, double OutputError) Measure(int layer, LayerPolicy policy)
    {
        int tail = _record.Tail;
        LayerShape shape = _shape.Layer(layer);
        int tokens = _record.Context + tail;
        using (var cache = new OwnCache(policy, shape, tokens))
            Attend(cache.Cache, layer);
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

        return (TailLosses().Sum() / tail, error);
    }

    /// <summary>Measures a policy for every layer at once, as a session that decodes the tail would see it.</summary>
    /// <param name="policies">One a layer.</param>
    /// <param name="observer">Receives the logits of each of the tail's tokens; null where they are not wanted.</param>
    /// <returns>KL divergence of each of the tail's tokens, in nats.</returns>
    public double[] MeasureAll(IReadOnlyList<LayerPolicy> policies, LogitsObserver? observer = null)
    {
        int tail = _record.Tail;
        int tokens = _record.Context + tail;
        Transformer transformer = _model.Transformer;
        _record.TailHidden[0].Span.CopyTo(_workspace.Hidden.Span);
        for (int layer = 0; layer < _shape.Layers; layer++)
        {
            using var own = new OwnCache(policies[layer], _shape.Layer(layer), tokens);
            own.Cache.Load(_record.Keys[layer].Span, _record.Values[layer].Span, _record.Context, tokens);
            transformer.Project(layer, _record.Context, tail, _workspace);
            own.Cache.Extend(
                tail, _workspace.Queries, _workspace.Predicted, _workspace.Keys, _workspace.Values, _workspace.Attended, _workspace.Scores);
            if (layer + 1 < _shape.Layers && MemoryModel.PredictsQueries([policies[layer + 1]]))
                transformer.PredictQueries(layer + 1, _record.Context, tail, _workspace);
            transformer.Finish(layer, tail, _workspace);
        }

        double[] losses = TailLosses();
        for (int row = 0; observer is not null && row < tail; row++)
            observer(_record.Context + row, _logits.Slice(row * _shape.VocabularySize, _shape.VocabularySize));
        return losses;
    }

    /// <summary>Measures another file of the model, with the exact cache.</summary>
    /// <param name="other">A model of the same shape.</param>
    /// <param name="window">The window's tokens.</param>
    /// <param name="progress">Told the share of the pass done, 0 to 1.</param>
    /// <param name="cancellation">Ends the work.</param>
    /// <returns>Mean KL divergence over the tail in nats per token.</returns>
    /// <exception cref="Runtime.InsufficientMemoryException">The machine has not enough memory free.</exception>
    public double MeasureWeights(
        CausalLanguageModel other, ReadOnlySpan<int> window, IProgress<double>? progress = null, CancellationToken cancellation = default)
    {
        using Session session = other.CreateFullSession(window.Length, ExactPrecision.Float32);
        session.Prefill(window, null, progress, cancellation);
        double loss = 0;
        session.PromptLogits(
            _record.Context,
            (position, logits) => loss += LogProbabilities.Divergence(
                _exact.AsSpan((position - _record.Context) * _shape.VocabularySize, _shape.VocabularySize), logits),
            cancellation);
        return loss / _record.Tail;
    }

    /// <summary>Gives the memory back.</summary>
    public void Dispose()
    {
        _arena.Dispose();
        _record.Dispose();
    }

    private static long WorkBytes(ModelShape shape, int context, int tail) =>
        MemoryModel.Activations(shape, context + tail, tail, predictsQueries: true) + CacheBytes.Align((long)tail * shape.VocabularySize * sizeof(float));

    private double[] TailLosses()
    {
        int tail = _record.Tail;
        _model.Transformer.Logits(_workspace.Hidden.Span, tail, _workspace.Normed.Span, _logits.Span);
        var losses = new double[tail];
        Parallel.For(0, tail, row =>
            losses[row] = LogProbabilities.Divergence(
                _exact.AsSpan(row * _shape.VocabularySize, _shape.VocabularySize), _logits.Slice(row * _shape.VocabularySize, _shape.VocabularySize)));
        return losses;
    }

    private void Attend(LayerCache cache, int layer)
    {
        int tail = _record.Tail;
        int tokens = _record.Context + tail;
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
