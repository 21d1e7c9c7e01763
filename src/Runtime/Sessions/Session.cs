using System.Numerics.Tensors;
using TailorKV.Planner;
using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Runtime.Backends.Cpu;
using TailorKV.Runtime.Backends.Cpu.Attention;
using TailorKV.Runtime.Backends.Cpu.Cache;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Sessions;

/// <summary>
/// One text being read and written with a hybrid cache that holds to a plan. All memory is taken up front. It does one call at a time, and refuses another during it; disposed of
/// during a call, it gives its memory back at the call's end.
/// A prompt goes through the model layer by layer, so that only one layer's exact keys and values exist at a time and prefill is exact however
/// the layers are kept; tokens after it go through all layers one after another and see each layer's cache as it is kept.
/// </summary>
public sealed class Session : IDisposable
{
    private readonly CausalLanguageModel _model;
    private readonly ModelShape _shape;
    private readonly Transformer _transformer;
    private readonly float? _softCap;
    private readonly Workspace _workspace;
    private readonly LayerCache[] _caches;
    private readonly Arena _device;
    private readonly Arena _host;

    // The heap's, so that what a caller holds of it is there as long as the caller holds it.
    private readonly float[] _logits;
    private readonly NativeBuffer<float> _manyLogits;
    private readonly int _logitsRows;
    private readonly NativeBuffer<float> _promptHidden;
    private readonly NativeBuffer<float> _promptKeys;
    private readonly NativeBuffer<float> _promptValues;
    private readonly StepClock _clock = new();
    private int _promptTokens;
    private int _calls;

    internal Session(CausalLanguageModel model, Plan plan)
    {
        _model = model;
        _shape = model.Shape;
        Plan = plan;
        MemoryBreakdown memory = plan.Memory.OfOne(plan.Target.Batch);
        // The model has taken its weights' share already.
        long device = memory.Device - memory.Weights, host = memory.Host - memory.HostWeights;
        FreeMemory.Require(device + host, $"a session of {plan.Target.Context} tokens");
        _device = new Arena("device", device - memory.Logits);
        _host = new Arena("host", host);
        try
        {
            _transformer = model.CreateTransformer(plan.Target.Context);
            _softCap = (float?)model.Config.AttentionSoftCap;
            bool predictsQueries = MemoryModel.PredictsQueries(plan.Policies);
            _workspace = new Workspace(_shape, plan.Target.Context, plan.PrefillChunk, predictsQueries, _device);
            _logits = new float[_shape.VocabularySize];
            NativeBuffer<byte> staging = _device.Take<byte>(memory.Staging);
            _caches = new LayerCache[_shape.Layers];
            for (int layer = 0; layer < _caches.Length; layer++)
                _caches[layer] = new LayerCache(model.Backend.Pool, plan.Layers[layer].Policy, _shape.Layer(layer), plan.Target.Context, _device, _host, Arena.Over("staging", staging), softCap: _softCap);
            _promptHidden = _host.Take<float>((long)plan.Target.Context * _shape.HiddenSize);
            _promptKeys = _host.Take<float>((long)plan.Target.Context * _shape.KvHeads * _shape.HeadDim);
            _promptValues = _host.Take<float>((long)plan.Target.Context * _shape.KvHeads * _shape.HeadDim);
            _logitsRows = MemoryModel.LogitsRows(plan.Target.Context, plan.PrefillChunk);
            _manyLogits = _host.Take<float>((long)_logitsRows * _shape.VocabularySize);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The plan the session holds to.</summary>
    public Plan Plan { get; }

    /// <summary>Tokens read and written so far.</summary>
    public int Tokens { get; private set; }

    /// <summary>Bytes held on the device, weights included, as given out by the arena, and the logits.</summary>
    public long MeasuredDeviceBytes => _model.Fingerprint.WeightBytes + _device.Used + CacheBytes.Align((long)_logits.Length * sizeof(float));

    /// <summary>Bytes held on the host, the weights' layout for products included, as given out by the arenas.</summary>
    public long MeasuredHostBytes => _model.Matrices.LaidOutBytes + _host.Used;

    /// <summary>Time spent in the parts of the model since the session was made; what two readings differ by is the time of what lies between.</summary>
    public StepTimes Times => _clock.Times;

    /// <summary>Starts over with a prompt.</summary>
    /// <param name="tokens">The prompt, at least one token.</param>
    /// <param name="observer">Sees what goes on inside, or null.</param>
    /// <param name="progress">Told the share done, 0 to 1.</param>
    /// <param name="cancellation">Ends the work between chunks; the session is then empty.</param>
    /// <returns>Logits after the last token, [vocabulary]; the next call overwrites them.</returns>
    /// <exception cref="CapacityExceededException">The prompt is longer than the context.</exception>
    /// <exception cref="InvalidFileException">The model's weights make logits that are not finite.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public ReadOnlySpan<float> Prefill(
        ReadOnlySpan<int> tokens, PromptObserver? observer = null, IProgress<double>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentOutOfRangeException.ThrowIfZero(tokens.Length, nameof(tokens));
        using Call call = new(this);
        Check(tokens, 0);
        Tokens = 0;
        _promptTokens = 0;
        int stride = Plan.Target.Context;
        _transformer.Embed(tokens, _promptHidden);
        for (int layer = 0; layer < _caches.Length; layer++)
        {
            for (int first = 0; first < tokens.Length; first += _workspace.Chunk)
            {
                cancellation.ThrowIfCancellationRequested();
                PrefillChunk(layer, first, Math.Min(_workspace.Chunk, tokens.Length - first), stride, observer);
                progress?.Report((layer + ((double)first / tokens.Length)) / _caches.Length);
            }

            _caches[layer].Load(_promptKeys, _promptValues, tokens.Length, stride);
            observer?.OnLayerDone(
                layer, _promptKeys, _promptValues, tokens.Length, stride, _promptHidden.Part(0, (long)tokens.Length * _shape.HiddenSize));
        }

        Tokens = _promptTokens = tokens.Length;
        _clock.Start();
        _transformer.Logits(_promptHidden.Slice((tokens.Length - 1L) * _shape.HiddenSize, _shape.HiddenSize), 1, _workspace.Normed.Span, _logits);
        _clock.Lap(StepPart.OutputHead);
        return Finite(_logits);
    }

    /// <summary>
    /// Starts over with keys and values from elsewhere, in place of those a prompt would have. There are no <see cref="PromptLogits"/> after it.
    /// </summary>
    /// <param name="tokens">Tokens that they are of.</param>
    /// <param name="source">Writes those of each layer in turn.</param>
    /// <exception cref="CapacityExceededException">They are more than the context has room for.</exception>
    internal void Load(int tokens, KeyValueSource source)
    {
        using Call call = new(this);
        CheckRoom(tokens, 0);
        Tokens = 0;
        _promptTokens = 0;
        int stride = Plan.Target.Context;
        for (int layer = 0; layer < _caches.Length; layer++)
        {
            source(layer, _promptKeys, _promptValues, stride);
            _caches[layer].Load(_promptKeys, _promptValues, tokens, stride);
        }

        Tokens = tokens;
    }

    /// <summary>Logits of positions of the prompt that <see cref="Prefill"/> has just read.</summary>
    /// <param name="first">The first position.</param>
    /// <param name="observer">Receives them in order.</param>
    /// <param name="cancellation">Ends the work between tokens.</param>
    public void PromptLogits(int first, LogitsObserver observer, CancellationToken cancellation = default)
    {
        using Call call = new(this);
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        ReadLogits(_promptHidden, first, _promptTokens, 0, observer, cancellation);
    }

    /// <summary>Adds one token.</summary>
    /// <param name="token">The token.</param>
    /// <returns>Logits after it, [vocabulary]; the next call overwrites them.</returns>
    /// <exception cref="CapacityExceededException">The context is full.</exception>
    public ReadOnlySpan<float> Decode(int token)
    {
        using Call call = new(this);
        Check([token], Tokens);
        ExtendChunk([token]);
        _transformer.Logits(_workspace.Hidden.Span, 1, _workspace.Normed.Span, _logits);
        _clock.Lap(StepPart.OutputHead);
        return Finite(_logits);
    }

    /// <summary>Adds given tokens as if each had been generated: every one sees the caches as decoding would, while the rest is done for many at once.</summary>
    /// <param name="tokens">The tokens.</param>
    /// <param name="observer">Receives the logits after each, in order; null where they are not wanted.</param>
    /// <param name="cancellation">Ends the work between chunks.</param>
    /// <exception cref="CapacityExceededException">They are more than the context has room for.</exception>
    public void Extend(ReadOnlySpan<int> tokens, LogitsObserver? observer = null, CancellationToken cancellation = default)
    {
        using Call call = new(this);
        Check(tokens, Tokens);
        for (int first = 0; first < tokens.Length; first += _workspace.Chunk)
        {
            cancellation.ThrowIfCancellationRequested();
            int start = Tokens;
            ReadOnlySpan<int> chunk = tokens.Slice(first, Math.Min(_workspace.Chunk, tokens.Length - first));
            ExtendChunk(chunk);
            if (observer is not null)
                ReadLogits(_workspace.Hidden, 0, chunk.Length, start, observer, cancellation);
        }
    }

    /// <summary>Gives the memory back.</summary>
    public void Dispose()
    {
        _device.Dispose();
        _host.Dispose();
    }

    private void PrefillChunk(int layer, int first, int count, int stride, PromptObserver? observer)
    {
        Span<float> prompt = _promptHidden.Slice((long)first * _shape.HiddenSize, count * _shape.HiddenSize);
        Span<float> hidden = _workspace.Hidden.Slice(0, prompt.Length);
        prompt.CopyTo(hidden);
        observer?.OnLayerInput(layer, first, count, hidden);
        _clock.Start();
        _transformer.Project(layer, first, count, _workspace);
        _clock.Lap(StepPart.Projections);
        int headDim = _shape.HeadDim;
        for (int row = 0; row < count; row++)
        {
            for (int head = 0; head < _shape.KvHeads; head++)
            {
                int from = ((row * _shape.KvHeads) + head) * headDim;
                long to = (((long)head * stride) + first + row) * headDim;
                _workspace.Keys.Slice(from, headDim).CopyTo(_promptKeys.Slice(to, headDim));
                _workspace.Values.Slice(from, headDim).CopyTo(_promptValues.Slice(to, headDim));
            }
        }

        _clock.Start();
        if (_caches[layer].NeedsPromptQueries)
            _caches[layer].Observe(first, count, _workspace.Queries, _transformer.RotaryOf(layer));
        PrefillAttention.Run(_model.Backend.Pool, _shape.Layer(layer), first, count, _workspace.Queries, _promptKeys, _promptValues, stride, _workspace.Attended, _softCap);
        _clock.Lap(StepPart.Attention);
        int attended = count * _shape.Heads * headDim;
        observer?.OnAttended(
            layer, first, count, _workspace.Normed.Slice(0, hidden.Length), _workspace.Queries.Slice(0, attended), _workspace.Attended.Slice(0, attended));
        _clock.Start();
        FinishLayer(layer, count);
        hidden.CopyTo(prompt);
    }

    private void FinishLayer(int layer, int count)
    {
        _transformer.ProjectOutput(layer, count, _workspace);
        _clock.Lap(StepPart.Projections);
        _transformer.FeedForward(layer, count, _workspace);
        _clock.Lap(StepPart.FeedForward);
    }

    private void ExtendChunk(ReadOnlySpan<int> tokens)
    {
        if (Tokens == 0)
        {
            // A prompt that was given up may have left some layers filled.
            foreach (LayerCache cache in _caches)
                cache.Load([], [], 0, 0);
        }

        _transformer.Embed(tokens, _workspace.Hidden);
        _clock.Start();
        for (int layer = 0; layer < _caches.Length; layer++)
        {
            _transformer.Project(layer, Tokens, tokens.Length, _workspace);
            _clock.Lap(StepPart.Projections);
            _caches[layer].Extend(
                tokens.Length, _workspace.Queries, _workspace.Predicted, _workspace.Keys, _workspace.Values, _workspace.Attended, _workspace.Scores);
            _clock.Lap(StepPart.Attention);
            if (layer + 1 < _caches.Length && _caches[layer + 1].NeedsPredictedQueries)
                _transformer.PredictQueries(layer + 1, Tokens, tokens.Length, _workspace);
            FinishLayer(layer, tokens.Length);
        }

        Tokens += tokens.Length;
    }

    /// <summary>Logits of rows of hidden states, several at a time: the head is the largest matrix, and reading it once for many rows is what counts.</summary>
    private void ReadLogits(NativeBuffer<float> hidden, int from, int to, int position, LogitsObserver observer, CancellationToken cancellation)
    {
        Span<float> logits = _manyLogits.Span;
        for (int row = from; row < to; row += _logitsRows)
        {
            cancellation.ThrowIfCancellationRequested();
            int count = Math.Min(_logitsRows, to - row);
            _transformer.Logits(hidden.Slice((long)row * _shape.HiddenSize, count * _shape.HiddenSize), count, _workspace.Normed.Span, logits);
            for (int i = 0; i < count; i++)
                observer(position + row + i, Finite(logits.Slice(i * _shape.VocabularySize, _shape.VocabularySize)));
        }
    }

    private void Check(ReadOnlySpan<int> tokens, int held)
    {
        CheckRoom(tokens.Length, held);
        foreach (int token in tokens)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(token, nameof(tokens));
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(token, _shape.VocabularySize, nameof(tokens));
        }
    }

    private void CheckRoom(int tokens, int held)
    {
        if (tokens > Plan.Target.Context - held)
        {
            throw new CapacityExceededException(
                $"{tokens} tokens do not fit into a context of {Plan.Target.Context} that holds {held}",
                LongerContext.Remedy("Shorten the text", (long)held + tokens, _shape.ContextLength));
        }
    }

    private ReadOnlySpan<float> Finite(ReadOnlySpan<float> logits) =>
        TensorPrimitives.IsFiniteAll(logits) ? logits
        : throw new InvalidFileException(
            _model.Path,
            _model.Weights.FindNonFinite() is { } name ? $"tensor \"{name}\" holds values that are not finite" : "its weights make logits that are not finite",
            "Get the file again from its source");

    /// <summary>A call at work. Until it ends, no other begins and the memory stays.</summary>
    private readonly ref struct Call
    {
        private readonly Session _session;
        private readonly InUse _device;
        private readonly InUse _host;

        public Call(Session session)
        {
            ObjectDisposedException.ThrowIf(session._device.IsClosed, session);
            if (Interlocked.Increment(ref session._calls) != 1)
            {
                Interlocked.Decrement(ref session._calls);
                throw new InvalidOperationException("The session is at work on another call: it does one at a time.");
            }

            _session = session;
            try
            {
                _device = new InUse(session._device);
                _host = new InUse(session._host);
            }
            catch
            {
                Dispose();
                throw;
            }
        }

        public void Dispose()
        {
            _host.Dispose();
            _device.Dispose();
            Interlocked.Decrement(ref _session._calls);
        }
    }
}
