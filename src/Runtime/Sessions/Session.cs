using System.Numerics.Tensors;
using TailorKV.Planner;
using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Runtime.Backends;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Models;

namespace TailorKV.Runtime.Sessions;

/// <summary>
/// One text being read and written with a hybrid cache that holds to a plan. All memory is taken up front. It does one call at a time, and refuses another during it; disposed of
/// during a call, it gives its memory back at the call's end.
/// A prompt goes through the model layer by layer, so that only one layer's exact keys and values exist at a time and prefill is exact however
/// the layers are kept; tokens after it go through all layers one after another and see each layer's cache as it is kept.
/// </summary>
public sealed class Session : IDisposable
{
    private readonly ModelFiles _files;
    private readonly DeviceModel _model;
    private readonly ModelShape _shape;
    private readonly Transformer _transformer;
    private readonly Workspace _workspace;
    private readonly LayerCache[] _caches;
    private readonly DeviceArena _device;
    private readonly Arena _host;

    // The heap's, so that what a caller holds of it is there as long as the caller holds it.
    private readonly float[] _logits;
    private readonly HostTensor _manyLogits;
    private readonly int _logitsRows;
    private readonly DeviceTensor _promptHidden;
    private readonly KeyValues _prompt;
    private readonly StepClock _clock = new();
    private int _promptTokens;
    private int _calls;

    internal Session(ModelFiles files, DeviceModel model, Plan plan)
    {
        (_files, _model, Plan) = (files, model, plan);
        _transformer = model.CreateTransformer(plan.Target.Context);
        _shape = _transformer.Shape;
        MemoryBreakdown memory = plan.Memory.OfOne(plan.Target.Batch);
        // The model has taken its weights' share already.
        long device = memory.Device - memory.Weights, host = memory.Host - memory.HostWeights;
        model.Backend.RequireFree(device, host, $"a session of {plan.Target.Context} tokens");
        _device = model.Backend.TakeDevice("device", device - memory.Logits);
        _host = model.Backend.TakeHost("host", host);
        try
        {
            bool predictsQueries = MemoryModel.PredictsQueries(plan.Policies);
            _workspace = new Workspace(_shape, plan.Target.Context, plan.PrefillChunk, predictsQueries, _device);
            _logits = new float[_shape.VocabularySize];
            DeviceArena staging = _device.TakeArena("staging", memory.Staging);
            _caches = new LayerCache[_shape.Layers];
            for (int layer = 0; layer < _caches.Length; layer++)
            {
                PlannedLayer planned = plan.Layers[layer];
                _caches[layer] = model.Backend.CreateCache(
                    planned.Policy, _shape.Layer(layer), plan.Target.Context, _device, _host, staging.Again(), _transformer.AttentionSoftCap, planned.Calibration);
            }

            _promptHidden = _host.TakeTensor((long)plan.Target.Context * _shape.HiddenSize);
            _prompt = _transformer.TakePrompt(plan.Target.Context, _device, _host);
            _logitsRows = MemoryModel.LogitsRows(plan.Target.Context, plan.PrefillChunk);
            _manyLogits = _host.TakeTensor((long)_logitsRows * _shape.VocabularySize);
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
    public long MeasuredDeviceBytes => _model.WeightBytes + _device.Used + CacheBytes.Align((long)_logits.Length * sizeof(float));

    /// <summary>Bytes held on the host, the weights' layout for products included, as given out by the arenas.</summary>
    public long MeasuredHostBytes => _model.LaidOutBytes + _host.Used;

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
        _transformer.Embed(tokens, _promptHidden);
        for (int layer = 0; layer < _caches.Length; layer++)
        {
            for (int first = 0; first < tokens.Length; first += _workspace.Chunk)
            {
                cancellation.ThrowIfCancellationRequested();
                PrefillChunk(layer, first, Math.Min(_workspace.Chunk, tokens.Length - first), observer);
                progress?.Report((layer + ((double)first / tokens.Length)) / _caches.Length);
            }

            _caches[layer].Load(_prompt, tokens.Length);
            observer?.OnLayerDone(layer, _prompt, tokens.Length, _promptHidden.Part(0, (long)tokens.Length * _shape.HiddenSize));
        }

        Tokens = _promptTokens = tokens.Length;
        _clock.Start();
        _transformer.Logits(_promptHidden, tokens.Length - 1, 1, _workspace, _logits);
        _clock.Lap(StepPart.OutputHead);
        return Finite(_logits);
    }

    /// <summary>
    /// Starts over with keys and values from elsewhere, in place of those a prompt would have. There are no <see cref="PromptLogits"/> after it.
    /// </summary>
    /// <param name="tokens">Tokens that they are of.</param>
    /// <param name="source">Writes those of each layer in turn.</param>
    /// <exception cref="CapacityExceededException">They are more than the context has room for.</exception>
    public void Load(int tokens, KeyValueSource source)
    {
        using Call call = new(this);
        CheckRoom(tokens, 0);
        Tokens = 0;
        _promptTokens = 0;
        for (int layer = 0; layer < _caches.Length; layer++)
        {
            source(layer, _prompt);
            _caches[layer].Load(_prompt, tokens);
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
        _transformer.Logits(_workspace.Hidden, 0, 1, _workspace, _logits);
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

    private void PrefillChunk(int layer, int first, int count, PromptObserver? observer)
    {
        DeviceTensor prompt = _promptHidden.Part((long)first * _shape.HiddenSize, (long)count * _shape.HiddenSize);
        prompt.CopyTo(_workspace.Hidden);
        observer?.OnLayerInput(layer, first, count, _workspace);
        _clock.Start();
        _transformer.Project(layer, first, count, _workspace);
        _clock.Lap(StepPart.Projections);
        _transformer.Store(first, count, _workspace.Keys, _workspace.Values, _prompt);
        _clock.Start();
        if (_caches[layer].PromptQueries is { } queries)
            _transformer.Observe(layer, first, count, _workspace, queries);
        _transformer.Attend(layer, first, count, _workspace, _prompt);
        _clock.Lap(StepPart.Attention);
        observer?.OnAttended(layer, first, count, _workspace);
        _clock.Start();
        _transformer.ProjectOutput(layer, count, _workspace);
        _clock.Lap(StepPart.Projections);
        _transformer.FeedForward(layer, count, _workspace);
        _clock.Lap(StepPart.FeedForward);
        _workspace.Hidden.Part(0, prompt.Length).CopyTo(prompt);
    }

    private void ExtendChunk(ReadOnlySpan<int> tokens)
    {
        if (Tokens == 0)
        {
            // A prompt that was given up may have left some layers filled.
            foreach (LayerCache cache in _caches)
                cache.Load(_prompt, 0);
        }

        _transformer.Extend(tokens, Tokens, _workspace, _caches, _clock);
        Tokens += tokens.Length;
    }

    /// <summary>Logits of rows of hidden states, several at a time: the head is the largest matrix, and reading it once for many rows is what counts.</summary>
    private void ReadLogits(DeviceTensor hidden, int from, int to, int position, LogitsObserver observer, CancellationToken cancellation)
    {
        Span<float> logits = _manyLogits.Slice(0, (int)_manyLogits.Length);
        for (int row = from; row < to; row += _logitsRows)
        {
            cancellation.ThrowIfCancellationRequested();
            int count = Math.Min(_logitsRows, to - row);
            _transformer.Logits(hidden, row, count, _workspace, logits);
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
            _files.Path,
            _files.Weights.FindNonFinite() is { } name ? $"tensor \"{name}\" holds values that are not finite" : "its weights make logits that are not finite",
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
