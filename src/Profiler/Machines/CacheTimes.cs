using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Runtime.Backends.Cpu;
using TailorKV.Runtime.Memory;

namespace TailorKV.Profiler.Machines;

/// <summary>Times of one token's step through a layer's real cache.</summary>
internal sealed class CacheTimes : IDisposable
{
    private readonly CpuBackend _backend;
    private readonly LayerShape _layer;
    private readonly int _context;
    private readonly int _steps;
    private readonly Arena _arena;
    private readonly NativeBuffer<float> _keys;
    private readonly NativeBuffer<float> _values;
    private readonly NativeBuffer<float> _queries;
    private readonly NativeBuffer<float> _outputs;
    private readonly NativeBuffer<float> _scores;

    /// <summary>Makes a context's keys and values, for any number of policies.</summary>
    /// <param name="backend">What the caches are on.</param>
    /// <param name="layer">The layers' shape.</param>
    /// <param name="context">Tokens they hold before the first step.</param>
    /// <param name="steps">Steps before a cache is loaded anew.</param>
    public CacheTimes(CpuBackend backend, LayerShape layer, int context, int steps)
    {
        (_backend, _layer, _context, _steps) = (backend, layer, context, steps);
        long row = (long)layer.KvHeads * layer.HeadDim, tokens = context + steps;
        _arena = new Arena("timing", MemoryBytes(layer, context, steps));
        _keys = _arena.Take<float>(row * tokens);
        _values = _arena.Take<float>(row * tokens);
        _queries = _arena.Take<float>((long)layer.Heads * layer.HeadDim);
        _outputs = _arena.Take<float>((long)layer.Heads * layer.HeadDim);
        _scores = _arena.Take<float>((long)layer.Heads * MemoryModel.ScoreRow((int)tokens));
        var random = new Random(1);
        foreach (NativeBuffer<float> buffer in new[] { _keys, _values, _queries })
        {
            for (long i = 0; i < buffer.Length; i++)
                buffer[i] = random.NextSingle() - 0.5f;
        }
    }

    /// <summary>Bytes that the keys, values and buffers take.</summary>
    public static long MemoryBytes(LayerShape layer, int context, int steps)
    {
        long tokens = context + steps, keys = (long)layer.KvHeads * layer.HeadDim * tokens, queries = (long)layer.Heads * layer.HeadDim;
        long[] lengths = [keys, keys, queries, queries, (long)layer.Heads * MemoryModel.ScoreRow((int)tokens)];
        return lengths.Sum(length => CacheBytes.Align(length * sizeof(float)));
    }

    /// <summary>Seconds of a step through a cache that is kept as a policy says and holds the context.</summary>
    public double Seconds(LayerPolicy policy, MedianTime time, CancellationToken cancellation)
    {
        int most = _context + _steps;
        using var own = new OwnCache(_backend, policy, _layer, most);
        Load();
        return time.Of(Step, cancellation);

        void Load() => own.Cache.Load(_keys, _values, _context, most);

        void Step()
        {
            // One step of many takes longer by this, which does not move the median.
            if (own.Cache.Tokens == most)
                Load();
            own.Cache.Extend(1, _queries, _queries, _keys, _values, _outputs, _scores);
        }
    }

    public void Dispose() => _arena.Dispose();
}
