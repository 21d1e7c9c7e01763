namespace TailorKV.Runtime.Cache.Heads;

/// <summary>
/// The cache of one KV head of one layer, kept as its policy says. Heads do not know of each other, so a layer's heads run in parallel.
/// Queries come scaled by 1 / sqrt(headDim), so that a score is a plain dot product.
/// </summary>
internal abstract class HeadCache
{
    /// <summary>Tokens held.</summary>
    public int Tokens { get; protected set; }

    /// <summary>Starts over with a prompt.</summary>
    /// <param name="keys">[tokens, headDim], after RoPE.</param>
    /// <param name="values">[tokens, headDim].</param>
    /// <param name="tokens">At most the context the cache was made for.</param>
    public abstract void Load(ReadOnlySpan<float> keys, ReadOnlySpan<float> values, int tokens);

    /// <summary>Adds one token.</summary>
    public abstract void Append(ReadOnlySpan<float> key, ReadOnlySpan<float> value);

    /// <summary>Attends from the newest token.</summary>
    /// <param name="queries">[group, headDim]: the query heads that share this KV head.</param>
    /// <param name="predicted">The same, predicted from the layer before; empty unless the policy's index asks for it.</param>
    /// <param name="outputs">[group, headDim].</param>
    /// <param name="scores">Room for group * context floats.</param>
    public abstract void Attend(ReadOnlySpan<float> queries, ReadOnlySpan<float> predicted, Span<float> outputs, Span<float> scores);
}
