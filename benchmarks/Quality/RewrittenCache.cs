using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Runtime.Backends;
using TailorKV.Runtime.Memory;

namespace TailorKV.Quality;

/// <summary>A full cache that is loaded with a rewritten prompt, as a code format would leave it. Sinks and the newest tokens stay as they are, as policies keep them.</summary>
/// <param name="backend">Gives out memory.</param>
/// <param name="inner">The cache.</param>
/// <param name="layer">The layer.</param>
/// <param name="shape">Its shape.</param>
/// <param name="rewriting">What rewrites the prompt.</param>
internal sealed class RewrittenCache(Backend backend, LayerCache inner, int layer, LayerShape shape, RewrittenCache.Rewriting rewriting) : LayerCache
{
    private const int Sinks = 4;
    private const int Recent = 32;

    /// <summary>Looks at or rewrites one KV head's prompt between sinks and newest tokens.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="kvHead">The KV head.</param>
    /// <param name="keys">Its keys, [tokens, headDim].</param>
    /// <param name="values">Its values, [tokens, headDim].</param>
    public delegate void Rewriting(int layer, int kvHead, Span<float> keys, Span<float> values);

    /// <summary>Has all full caches of windows, whose backend wraps caches, rewrite their prompts while some work is done that makes those of all layers, in their order, any number of times.</summary>
    public static T While<T>(Windows windows, Rewriting rewriting, Func<T> work)
    {
        var backend = (WrappingBackend)windows.Model.Backend;
        return backend.While(windows.Model.Shape.Layers, (layer, shape, cache) => new RewrittenCache(backend, cache, layer, shape, rewriting), work);
    }

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
