using TailorKV.Planner.Models;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Numbers;

namespace TailorKV.Runtime.Verification;

/// <summary>Attention probabilities, worked out plainly from queries and keys: what is compared with references and scored, never what attention itself uses.</summary>
public static class AttentionProbabilities
{
    /// <summary>softmax(q K^T) of one query head at one position.</summary>
    /// <param name="layer">The layer's shape.</param>
    /// <param name="head">The query head.</param>
    /// <param name="position">The query's position.</param>
    /// <param name="query">[headDim], scaled.</param>
    /// <param name="keys">[kvHeads, stride, headDim].</param>
    /// <param name="stride">Tokens from one KV head to the next.</param>
    /// <param name="softCap">The <see cref="SoftCap"/> of scores, or null.</param>
    /// <param name="probabilities">[position + 1]; zero outside the layer's window.</param>
    public static void Compute(LayerShape layer, int head, int position, ReadOnlySpan<float> query, HostTensor keys, int stride, float? softCap, Span<float> probabilities)
    {
        int first = Math.Max(0, position + 1 - (layer.SlidingWindow ?? int.MaxValue));
        long start = (long)(head / (layer.Heads / layer.KvHeads)) * stride;
        probabilities[..first].Clear();
        Span<float> seen = probabilities[first..(position + 1)];
        for (int i = 0; i < seen.Length; i++)
            seen[i] = DotProduct.Of(query, keys.Slice((start + first + i) * layer.HeadDim, layer.HeadDim));
        if (softCap is { } cap)
            SoftCap.Apply(seen, cap);
        Softmax.Probabilities(seen);
    }
}
