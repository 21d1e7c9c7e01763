using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Backends;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Models;
using TailorKV.Runtime.Weights;

namespace TailorKV.Quality;

/// <summary>
/// A backend whose full caches are loaded with rewritten prompts: what a code format would lose is measured before the library has it. Sinks and the newest tokens stay as they are, as policies keep them.
/// </summary>
/// <param name="inner">What does the work.</param>
internal sealed class RewritingBackend(Backend inner) : Backend
{
    private Rewriting? _rewriting;
    private int _layers;
    private int _caches;

    /// <summary>Looks at or rewrites one KV head's prompt between sinks and newest tokens.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="kvHead">The KV head.</param>
    /// <param name="keys">Its keys, [tokens, headDim].</param>
    /// <param name="values">Its values, [tokens, headDim].</param>
    public delegate void Rewriting(int layer, int kvHead, Span<float> keys, Span<float> values);

    public override string Name => inner.Name;

    public override string Description => inner.Description;

    public override int Threads => inner.Threads;

    public override long DeviceBytes => inner.DeviceBytes;

    public override long HostBytes => inner.HostBytes;

    public override long FreeDeviceBytes => inner.FreeDeviceBytes;

    public override bool OverlapsTransfers => inner.OverlapsTransfers;

    /// <summary>Has all full caches rewrite their prompts while some work is done that makes those of all layers, in their order, any number of times.</summary>
    /// <param name="layers">Layers of the model.</param>
    /// <param name="rewriting">What rewrites them.</param>
    /// <param name="work">The work.</param>
    public T While<T>(int layers, Rewriting rewriting, Func<T> work)
    {
        (_rewriting, _layers, _caches) = (rewriting, layers, 0);
        try
        {
            return work();
        }
        finally
        {
            _rewriting = null;
        }
    }

    public override WeightMemory MemoryOf(ModelFiles files) => inner.MemoryOf(files);

    public override DeviceModel Load(ModelFiles files) => inner.Load(files);

    public override void RequireFree(long deviceBytes, long hostBytes, string what) => inner.RequireFree(deviceBytes, hostBytes, what);

    public override DeviceArena TakeDevice(string name, long bytes) => inner.TakeDevice(name, bytes);

    public override Arena TakeHost(string name, long bytes) => inner.TakeHost(name, bytes);

    public override LayerCache CreateCache(
        LayerPolicy policy, LayerShape layer, int context, DeviceArena device, Arena host, DeviceArena staging, float? softCap = null, KeyCalibration? calibration = null)
    {
        LayerCache cache = inner.CreateCache(policy, layer, context, device, host, staging, softCap, calibration);
        return _rewriting is null || policy is not FullPolicy ? cache : new Cache(inner, cache, layer, _rewriting, _caches++ % _layers);
    }

    public override TimedWork ReadMemory(long bytes) => inner.ReadMemory(bytes);

    public override TimedWork FetchRows(LayerShape layer, int rows, long bytes) => inner.FetchRows(layer, rows, bytes);

    public override TimedWork MultiplyWeights(WeightType type, int hidden) => inner.MultiplyWeights(type, hidden);

    protected override void Dispose(bool disposing) => inner.Dispose();

    private sealed class Cache(Backend backend, LayerCache inner, LayerShape shape, Rewriting rewriting, int layer) : LayerCache
    {
        private const int Sinks = 4;
        private const int Recent = 32;

        public override int Tokens => inner.Tokens;

        public override bool NeedsPredictedQueries => inner.NeedsPredictedQueries;

        public override void Load(KeyValues prompt, int tokens)
        {
            int row = shape.HeadDim, head = tokens * row;
            long elements = (long)shape.KvHeads * head;
            using DeviceArena arena = backend.TakeDevice("rewritten prompt", 2 * CacheBytes.Align(elements * sizeof(float)));
            DeviceTensor keys = arena.TakeTensor(elements), values = arena.TakeTensor(elements);
            float[] headKeys = new float[head], headValues = new float[head];
            for (int kvHead = 0; kvHead < shape.KvHeads; kvHead++)
            {
                prompt.Keys.Part((long)kvHead * prompt.Stride * row, head).Read(headKeys);
                prompt.Values.Part((long)kvHead * prompt.Stride * row, head).Read(headValues);
                rewriting(layer, kvHead, headKeys.AsSpan()[(Sinks * row)..^(Recent * row)], headValues.AsSpan()[(Sinks * row)..^(Recent * row)]);
                keys.Part((long)kvHead * head, head).Write(headKeys);
                values.Part((long)kvHead * head, head).Write(headValues);
            }

            inner.Load(new KeyValues(keys, values, tokens), tokens);
        }

        public override void Extend(int count, Workspace workspace) => inner.Extend(count, workspace);

        public override ReadOnlySpan<float> ChoosingMass(int kvHead, out int sinks) => inner.ChoosingMass(kvHead, out sinks);
    }
}
