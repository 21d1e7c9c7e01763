using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Runtime.Cache.Heads;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Cache;

/// <summary>One layer's KV cache, kept as its policy says.</summary>
public sealed class LayerCache
{
    private readonly HeadCache[] _heads;
    private readonly LayerShape _layer;
    private readonly int _context;

    /// <summary>Takes the cache's memory.</summary>
    /// <param name="policy">How the layer is kept.</param>
    /// <param name="layer">Its shape.</param>
    /// <param name="context">The most tokens it can hold.</param>
    /// <param name="device">Where its device buffers come from.</param>
    /// <param name="host">Where its host buffers come from.</param>
    /// <param name="staging">Where the buffers come from that it needs only while it runs, and may share with other layers.</param>
    public LayerCache(LayerPolicy policy, LayerShape layer, int context, Arena device, Arena host, Arena staging)
    {
        _layer = layer;
        _context = context;
        _heads = new HeadCache[layer.KvHeads];
        for (int head = 0; head < _heads.Length; head++)
        {
            _heads[head] = policy switch
            {
                FullPolicy full => new FullHead(full, layer, context, device),
                QuantizedPolicy quantized => new QuantizedHead(quantized, layer, context, device),
                RetrievedPolicy retrieved => new RetrievedHead(retrieved, layer, context, device, host, staging),
                RefinedPolicy refined => new RefinedHead(refined, layer, context, device, host, staging),
                _ => throw new ArgumentException($"There is no cache for {policy.GetType().Name}.", nameof(policy)),
            };
        }

        NeedsPredictedQueries = policy is RetrievedPolicy { Index: CriticalChannels };
    }

    /// <summary>Tokens held.</summary>
    public int Tokens => _heads[0].Tokens;

    /// <summary>Whether <see cref="Extend"/> needs queries predicted from the layer before.</summary>
    public bool NeedsPredictedQueries { get; }

    /// <summary>Starts over with a prompt.</summary>
    /// <param name="keys">[kvHeads, stride, headDim], after RoPE; the first <paramref name="tokens"/> of each head count.</param>
    /// <param name="values">The same.</param>
    /// <param name="tokens">Tokens of the prompt.</param>
    /// <param name="stride">Tokens from one head to the next.</param>
    public void Load(ReadOnlySpan<float> keys, ReadOnlySpan<float> values, int tokens, int stride)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(tokens, _context);
        for (int head = 0; head < _heads.Length; head++)
        {
            int start = head * stride * _layer.HeadDim;
            int length = tokens * _layer.HeadDim;
            _heads[head].Load(keys.Slice(start, length), values.Slice(start, length), tokens);
        }
    }

    /// <summary>Adds tokens one by one, each attending to all before it and itself.</summary>
    /// <param name="count">Tokens.</param>
    /// <param name="queries">[count, heads, headDim], scaled by 1 / sqrt(headDim).</param>
    /// <param name="predicted">The same, predicted from the layer before; read only where <see cref="NeedsPredictedQueries"/>.</param>
    /// <param name="keys">[count, kvHeads, headDim], after RoPE.</param>
    /// <param name="values">[count, kvHeads, headDim].</param>
    /// <param name="outputs">[count, heads, headDim].</param>
    /// <param name="scores">Room for heads * context floats.</param>
    public void Extend(
        int count, NativeBuffer<float> queries, NativeBuffer<float> predicted, NativeBuffer<float> keys, NativeBuffer<float> values,
        NativeBuffer<float> outputs, NativeBuffer<float> scores)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(Tokens + count, _context);
        int group = _layer.Heads / _layer.KvHeads;
        int groupLength = group * _layer.HeadDim;
        Parallel.For(0, _heads.Length, head =>
        {
            HeadCache cache = _heads[head];
            Span<float> room = scores.Slice(head * group * _context, group * _context);
            for (int row = 0; row < count; row++)
            {
                int keyStart = ((row * _layer.KvHeads) + head) * _layer.HeadDim;
                int queryStart = ((row * _layer.Heads) + (head * group)) * _layer.HeadDim;
                cache.Append(keys.Slice(keyStart, _layer.HeadDim), values.Slice(keyStart, _layer.HeadDim));
                cache.Attend(
                    queries.Slice(queryStart, groupLength),
                    NeedsPredictedQueries ? predicted.Slice(queryStart, groupLength) : default,
                    outputs.Slice(queryStart, groupLength), room);
            }
        });
    }
}
