using TailorKV.Planner.Models;

namespace TailorKV.Planner.Policies;

/// <summary>What a layer's cache asks for of a prompt's queries, to choose by when the prompt is loaded what it keeps.</summary>
/// <param name="Last">How many of each head's last queries, as they meet keys.</param>
/// <param name="Moments">Whether mean and covariance of all of each head's queries, as they are before RoPE.</param>
public readonly record struct PromptQueryNeeds(int Last, bool Moments)
{
    /// <summary>Whether anything is asked for.</summary>
    public bool Any => Last > 0 || Moments;

    /// <summary>All that any of some policies asks for.</summary>
    /// <param name="policies">The policies.</param>
    public static PromptQueryNeeds Of(IEnumerable<LayerPolicy> policies) => policies.Select(policy => policy.PromptQueries).Aggregate(
        default(PromptQueryNeeds), (all, one) => new PromptQueryNeeds(Math.Max(all.Last, one.Last), all.Moments || one.Moments));

    /// <summary>Bytes that it takes for the heads that share one KV head: queries in f32; sums of them and of their products in f64.</summary>
    /// <param name="layer">The layer's shape.</param>
    public long BytesPerKvHead(LayerShape layer)
    {
        long group = layer.Heads / layer.KvHeads, moments = Moments ? group * layer.HeadDim * (layer.HeadDim + 3L) / 2 : 0;
        return CacheBytes.Align(Last * group * layer.HeadDim * sizeof(float)) + CacheBytes.Align(moments * sizeof(double));
    }
}
