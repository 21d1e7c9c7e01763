using TailorKV.Planner;
using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime;
using TailorKV.Runtime.Backends;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Sessions;
using TailorKV.Runtime.Verification;

namespace TailorKV.Profiler.Measuring;

/// <summary>
/// Measures what it costs to keep layers otherwise. One layer while all others stay exact: the layer's real cache is loaded with the context, the tail is decoded
/// through it token by token, and the layers above, which see what comes out, are computed anew for the tail alone.
/// </summary>
public sealed class WindowMeasurement : IDisposable
{
    private readonly Backend _backend;
    private readonly Transformer _transformer;
    private readonly ModelShape _shape;
    private readonly WindowRecord _record;
    private readonly Workspace _workspace;
    private readonly DeviceArena _device;
    private readonly Arena _host;
    private readonly HostTensor _logits;
    private readonly HostTensor _exact;
    private readonly int[] _next;
    private readonly HostTensor[] _lastHidden;
    private AttentionMass? _mass;

    /// <summary>Reads the window exactly.</summary>
    /// <param name="model">The model.</param>
    /// <param name="window">Tokens: context, then the tail that is judged.</param>
    /// <param name="context">Tokens before the tail.</param>
    /// <param name="progress">Told the share of the exact pass done, 0 to 1.</param>
    /// <param name="cancellation">Ends the work.</param>
    /// <exception cref="CapacityExceededException">The machine has not enough memory free.</exception>
    public WindowMeasurement(
        CausalLanguageModel model, ReadOnlySpan<int> window, int context, IProgress<double>? progress = null, CancellationToken cancellation = default)
    {
        (_backend, _shape) = (model.Backend, model.Shape);
        int tail = window.Length - context;
        _next = window[(context + 1)..].ToArray();
        if (MemoryModel.Problem(_shape, window.Length, tail) is { } problem)
            throw new TailorKVException(problem, "Measure fewer tokens");
        (long deviceBytes, long hostBytes) = MemoryBytes(_shape, context, tail);
        model.RequireFree(deviceBytes, hostBytes, $"measuring {tail} tokens after {context}");
        using Session session = model.CreateFullSession(window.Length, ExactPrecision.Float32);
        _transformer = model.CreateTransformer(window.Length);
        _record = new WindowRecord(_backend, _transformer, context, tail);
        session.Prefill(window, _record, progress, cancellation);
        _device = _backend.TakeDevice("measurement", DeviceBytes(_shape, context, tail));
        _host = _backend.TakeHost("measurement", HostBytes(_shape, tail));
        _workspace = new Workspace(_shape, window.Length, tail, predictsQueries: true, _device);
        _logits = _host.TakeTensor((long)tail * _shape.VocabularySize);
        _exact = _host.TakeTensor((long)tail * _shape.VocabularySize);
        _lastHidden = [.. Enumerable.Range(0, _shape.Layers).Select(_ => _host.TakeTensor((long)tail * _shape.HiddenSize))];
        session.PromptLogits(
            context,
            (position, logits) => LogProbabilities.All(logits, Row(_exact, position - context)),
            cancellation);
    }

    /// <summary>What is known of each layer's queries and keys, for policies that need it; null where none is measured.</summary>
    public IReadOnlyList<KeyCalibration?>? Calibrations { get; set; }

    /// <summary>Bytes of device and host memory that a measurement holds, the exact pass's session not counted.</summary>
    /// <param name="shape">The model's sizes.</param>
    /// <param name="context">Tokens before the tail.</param>
    /// <param name="tail">Tokens judged.</param>
    public static (long Device, long Host) MemoryBytes(ModelShape shape, int context, int tail) =>
        (DeviceBytes(shape, context, tail), WindowRecord.MemoryBytes(shape, context, tail) + HostBytes(shape, tail));

    /// <summary>Dense-preference scores of a layer: [scored context][query head]; the last context is the whole window.</summary>
    public IReadOnlyList<IReadOnlyList<double>> HeadDensePreference(int layer) => _record.HeadDensities[layer];

    /// <summary>Log probability, in nats, that the exact cache gives a token after one of the tail's.</summary>
    /// <param name="row">The tail's token, from 0.</param>
    /// <param name="token">The token after it.</param>
    public double ExactLogProbability(int row, int token) => Row(_exact, row)[token];

    /// <summary>Attention that choosing tokens recalls.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="index">What chooses among the context's tokens; null for the exact attention, between the standard sinks and recent tokens.</param>
    /// <param name="counts">Tokens chosen for each KV head, ascending.</param>
    /// <returns>For each count the share of the attention on sinks, window and chosen tokens, mean over the last queries and all heads.</returns>
    public double[] Recall(int layer, KeyIndex? index, IReadOnlyList<int> counts)
    {
        LayerShape shape = _shape.Layer(layer);
        if (_mass?.Layer != layer)
            _mass = new AttentionMass(shape, _record, layer, _transformer.AttentionSoftCap);
        var recalled = new double[counts.Count];
        var policy = new RetrievedPolicy { TopK = counts[^1], Index = index ?? new CodedKeys(new RotatedNormalFormat { Bits = 1 }) };
        if (index is null)
        {
            int sinks = Math.Min(policy.Sinks, _record.Context), middle = policy.MiddleTokens(_record.Context);
            for (int row = _mass.FirstRow; row < _record.Tail; row++)
            {
                for (int head = 0; head < shape.KvHeads; head++)
                    _mass.AddRecall(row, head, sinks, _mass.Of(row, head).Slice(sinks, middle), counts, recalled);
            }

            return recalled;
        }

        using var own = new OwnCache(_backend, policy, shape, _record.Context + _record.Tail, _transformer.AttentionSoftCap, Calibrations?[layer]);
        Attend(own.Cache, layer, row =>
        {
            for (int head = 0; head < shape.KvHeads && row >= _mass.FirstRow; head++)
            {
                ReadOnlySpan<float> weights = own.Cache.ChoosingMass(head, out int sinks);
                _mass.AddRecall(row, head, sinks, weights, counts, recalled);
            }
        });
        return recalled;
    }

    /// <summary>The cheap measure of one option of one layer: the relative error of the layer's attention output.</summary>
    /// <param name="layer">The layer, from 0.</param>
    /// <param name="policy">How it is kept.</param>
    public double OutputError(int layer, LayerPolicy policy)
    {
        LayerShape shape = _shape.Layer(layer);
        using (var cache = new OwnCache(_backend, policy, shape, _record.Context + _record.Tail, _transformer.AttentionSoftCap, Calibrations?[layer]))
            Attend(cache.Cache, layer);
        var attended = new float[_record.Tail * shape.Heads * shape.HeadDim];
        _workspace.Attended.Read(attended);
        return RelativeError(attended, _record.TailAttended[layer].Slice(0, attended.Length));
    }

    /// <summary>Measures one option of one layer.</summary>
    /// <param name="layer">The layer, from 0.</param>
    /// <param name="policy">How it is kept.</param>
    public LayerEffect Measure(int layer, LayerPolicy policy)
    {
        int tail = _record.Tail;
        double error = OutputError(layer, policy);
        _record.TailHidden[layer].CopyTo(_workspace.Hidden);
        _transformer.Finish(layer, tail, _workspace);
        for (int above = layer + 1; above < _shape.Layers; above++)
        {
            _transformer.Project(above, _record.Context, tail, _workspace);
            _transformer.Store(_record.Context, tail, _workspace.Keys, _workspace.Values, _record.KeyValues[above]);
            _transformer.Attend(above, _record.Context, tail, _workspace, _record.KeyValues[above]);
            // What is measured next must not see this layer's effect.
            _transformer.Store(_record.Context, tail, _record.TailKeys[above], _record.TailValues[above], _record.KeyValues[above]);
            _transformer.Finish(above, tail, _workspace);
        }

        MeasuredMean loss = MeasuredMean.OfWindow(TailLosses());
        double change = 0;
        for (int row = 0; row < _next.Length; row++)
        {
            change += LogProbabilities.Of(Row(_logits, row), _next[row]) - ExactLogProbability(row, _next[row]);
        }

        return new LayerEffect(loss.Value, loss.Error, error, change / Math.Max(1, _next.Length));
    }

    /// <summary>Measures a policy for every layer at once, as a session that decodes the tail would see it.</summary>
    /// <param name="policies">One a layer.</param>
    /// <param name="observer">Receives the logits of each of the tail's tokens; null where they are not wanted.</param>
    /// <returns>KL divergence of each of the tail's tokens, in nats.</returns>
    public double[] MeasureAll(IReadOnlyList<LayerPolicy> policies, LogitsObserver? observer = null)
    {
        _record.TailHidden[0].CopyTo(_workspace.Hidden);
        GoThrough(0, policies, keeps: true);
        double[] losses = TailLosses();
        for (int row = 0; observer is not null && row < _record.Tail; row++)
            observer(_record.Context + row, Row(_logits, row));
        return losses;
    }

    /// <summary>Measures policies that differ from those of the last <see cref="MeasureAll"/> in one layer: those below need no second pass.</summary>
    /// <param name="layer">The layer that differs.</param>
    /// <param name="policies">One a layer.</param>
    /// <returns>KL divergence of each of the tail's tokens, in nats.</returns>
    public double[] MeasureAbove(int layer, IReadOnlyList<LayerPolicy> policies)
    {
        // The layer below predicts the queries of one that is chosen by them.
        int first = layer > 0 && policies[layer].NeedsPredictedQueries ? layer - 1 : layer;
        _lastHidden[first].CopyTo(_workspace.Hidden);
        GoThrough(first, policies, keeps: false);
        return TailLosses();
    }

    /// <summary>Measures another file of the model, with the exact cache.</summary>
    /// <param name="other">A model of the same shape.</param>
    /// <param name="window">The window's tokens.</param>
    /// <param name="progress">Told the share of the pass done, 0 to 1.</param>
    /// <param name="cancellation">Ends the work.</param>
    /// <returns>KL divergence of each of the tail's tokens, in nats.</returns>
    /// <exception cref="CapacityExceededException">The machine has not enough memory free.</exception>
    public double[] MeasureWeights(
        CausalLanguageModel other, ReadOnlySpan<int> window, IProgress<double>? progress = null, CancellationToken cancellation = default)
    {
        using Session session = other.CreateFullSession(window.Length, ExactPrecision.Float32);
        session.Prefill(window, null, progress, cancellation);
        var losses = new double[_record.Tail];
        session.PromptLogits(
            _record.Context,
            (position, logits) => losses[position - _record.Context] = LogProbabilities.Divergence(Row(_exact, position - _record.Context), logits),
            cancellation);
        return losses;
    }

    /// <summary>Gives the memory back.</summary>
    public void Dispose()
    {
        _device.Dispose();
        _host.Dispose();
        _record.Dispose();
    }

    private static long DeviceBytes(ModelShape shape, int context, int tail) => MemoryModel.Activations(shape, context + tail, tail, predictsQueries: true);

    // Logits with the exact cache and with others, and every layer's input with all layers changed.
    private static long HostBytes(ModelShape shape, int tail) =>
        (2 * CacheBytes.Align((long)tail * shape.VocabularySize * sizeof(float))) + (shape.Layers * CacheBytes.Align((long)tail * shape.HiddenSize * sizeof(float)));

    /// <summary>Decodes the tail through layers from one on, whose input lies in the workspace.</summary>
    private void GoThrough(int first, IReadOnlyList<LayerPolicy> policies, bool keeps)
    {
        int tail = _record.Tail, tokens = _record.Context + tail;
        for (int layer = first; layer < _shape.Layers; layer++)
        {
            if (keeps)
                _workspace.Hidden.Part(0, (long)tail * _shape.HiddenSize).CopyTo(_lastHidden[layer]);
            using var own = new OwnCache(_backend, policies[layer], _shape.Layer(layer), tokens, _transformer.AttentionSoftCap, Calibrations?[layer]);
            Load(own.Cache, layer);
            _transformer.Project(layer, _record.Context, tail, _workspace);
            own.Cache.Extend(tail, _workspace);
            if (layer + 1 < _shape.Layers && policies[layer + 1].NeedsPredictedQueries)
                _transformer.PredictQueries(layer + 1, _record.Context, tail, _workspace);
            _transformer.Finish(layer, tail, _workspace);
        }
    }

    private double[] TailLosses()
    {
        int tail = _record.Tail;
        // All at once, but for what one span can have.
        int some = Math.Min(tail, int.MaxValue / _shape.VocabularySize);
        for (int row = 0, count; row < tail; row += count)
        {
            count = Math.Min(some, tail - row);
            _transformer.Logits(_workspace.Hidden, row, count, _workspace, _logits.Slice((long)row * _shape.VocabularySize, count * _shape.VocabularySize));
        }

        var losses = new double[tail];
        Parallel.For(0, tail, row => losses[row] = LogProbabilities.Divergence(Row(_exact, row), Row(_logits, row)));
        return losses;
    }

    /// <summary>What all entries of the vocabulary have after one of the tail's tokens.</summary>
    private Span<float> Row(HostTensor rows, int row) => rows.Slice((long)row * _shape.VocabularySize, _shape.VocabularySize);

    private void Attend(LayerCache cache, int layer, Action<int>? afterRow = null)
    {
        int tail = _record.Tail;
        Load(cache, layer);
        if (cache.NeedsPredictedQueries)
        {
            _record.TailNormed[layer - 1].CopyTo(_workspace.Normed);
            _transformer.PredictQueries(layer, _record.Context, tail, _workspace);
        }

        int step = afterRow is null ? tail : 1;
        long keys = (long)step * _shape.KvHeads * _shape.HeadDim, queries = (long)step * _shape.Heads * _shape.HeadDim;
        for (int row = 0; row < tail; row += step)
        {
            int part = row / step;
            _record.TailQueries[layer].Part(part * queries, queries).CopyTo(_workspace.Queries);
            _record.TailKeys[layer].Part(part * keys, keys).CopyTo(_workspace.Keys);
            _record.TailValues[layer].Part(part * keys, keys).CopyTo(_workspace.Values);
            if (row > 0)
                _workspace.Predicted.Part(part * queries, queries).CopyTo(_workspace.Predicted);
            cache.Extend(step, _workspace);
            afterRow?.Invoke(row);
        }
    }

    private void Load(LayerCache cache, int layer)
    {
        cache.PromptQueries?.CopyFrom(_record.ContextQueries[layer]);
        cache.Load(_record.KeyValues[layer], _record.Context);
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
