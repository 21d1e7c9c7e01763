using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Runtime.Backends;
using TailorKV.Runtime.Memory;

namespace TailorKV.Profiler.Machines;

/// <summary>Times of one token's step through a layer's real cache.</summary>
internal sealed class CacheTimes : IDisposable
{
    private readonly Backend _backend;
    private readonly LayerShape _layer;
    private readonly int _context;
    private readonly int _steps;
    private readonly Arena _host;
    private readonly DeviceArena _device;
    private readonly KeyValues _prompt;
    private readonly Workspace _workspace;

    /// <summary>Makes a context's keys and values, for any number of policies.</summary>
    /// <param name="backend">What the caches are on.</param>
    /// <param name="layer">The layers' shape.</param>
    /// <param name="context">Tokens they hold before the first step.</param>
    /// <param name="steps">Steps before a cache is loaded anew.</param>
    public CacheTimes(Backend backend, LayerShape layer, int context, int steps)
    {
        (_backend, _layer, _context, _steps) = (backend, layer, context, steps);
        int tokens = context + steps;
        _host = backend.TakeHost("timing", PromptBytes(layer, context, steps));
        _device = backend.TakeDevice("timing", WorkspaceBytes(layer, context, steps));
        HostTensor keys = _host.TakeTensor((long)tokens * layer.KvHeads * layer.HeadDim), values = _host.TakeTensor(keys.Length);
        _prompt = new KeyValues(keys, values, tokens);
        _workspace = new Workspace(Shape(layer), tokens, 1, predictsQueries: true, _device);
        var random = new Random(1);
        Draw(keys);
        Draw(values);
        keys.Part(0, _workspace.Keys.Length).CopyTo(_workspace.Keys);
        values.Part(0, _workspace.Values.Length).CopyTo(_workspace.Values);
        var queries = new float[_workspace.Queries.Length];
        foreach (ref float query in queries.AsSpan())
            query = random.NextSingle() - 0.5f;
        _workspace.Queries.Write(queries);
        _workspace.Predicted.Write(queries);

        void Draw(HostTensor tensor)
        {
            for (long start = 0, row = layer.HeadDim; start < tensor.Length; start += row)
            {
                foreach (ref float number in tensor.Slice(start, (int)row))
                    number = random.NextSingle() - 0.5f;
            }
        }
    }

    /// <summary>Bytes of the host that the keys and values take, and of the device that a step's tensors take.</summary>
    public static (long Host, long Device) MemoryBytes(LayerShape layer, int context, int steps) => (PromptBytes(layer, context, steps), WorkspaceBytes(layer, context, steps));

    /// <summary>Seconds of a step through a cache that is kept as a policy says and holds the context.</summary>
    public double Seconds(LayerPolicy policy, MedianTime time, CancellationToken cancellation)
    {
        using var own = new OwnCache(_backend, policy, _layer, _context + _steps);
        Load();
        return time.Of(Step, cancellation);

        void Load() => own.Cache.Load(_prompt, _context);

        void Step()
        {
            // One step of many takes longer by this, which does not move the median.
            if (own.Cache.Tokens == _context + _steps)
                Load();
            own.Cache.Extend(1, _workspace);
        }
    }

    public void Dispose()
    {
        _host.Dispose();
        _device.Dispose();
    }

    private static long PromptBytes(LayerShape layer, int context, int steps) => 2 * CacheBytes.Align((long)(context + steps) * layer.KvHeads * layer.HeadDim * sizeof(float));

    private static long WorkspaceBytes(LayerShape layer, int context, int steps) => MemoryModel.Activations(Shape(layer), context + steps, 1, predictsQueries: true);

    /// <summary>A model of the one layer, as small as it may be beside it.</summary>
    private static ModelShape Shape(LayerShape layer) => new()
    {
        Architecture = "",
        Layers = 1,
        HiddenSize = 1,
        IntermediateSize = 1,
        Heads = layer.Heads,
        KvHeads = layer.KvHeads,
        HeadDim = layer.HeadDim,
        VocabularySize = 1,
        ContextLength = 1,
    };
}
