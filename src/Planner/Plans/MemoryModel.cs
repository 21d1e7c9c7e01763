using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;

namespace TailorKV.Planner.Plans;

/// <summary>What a session costs in bytes, from shapes and policies alone. The runtime's arenas are checked against it.</summary>
public static class MemoryModel
{
    /// <summary>Bytes of a session.</summary>
    /// <param name="shape">The model's sizes.</param>
    /// <param name="weightBytes">Bytes of the weights as stored.</param>
    /// <param name="layers">A policy for each layer.</param>
    /// <param name="context">Tokens the session can hold.</param>
    /// <param name="prefillChunk">Tokens processed at once.</param>
    /// <param name="batch">Sessions open at once: all but the weights is theirs each.</param>
    public static MemoryBreakdown Predict(ModelShape shape, long weightBytes, IReadOnlyList<LayerPolicy> layers, int context, int prefillChunk, int batch = 1)
    {
        CacheBytes sum = default;
        for (int layer = 0; layer < layers.Count; layer++)
        {
            CacheBytes bytes = layers[layer].Bytes(shape.Layer(layer), context);
            sum = new CacheBytes(sum.Device + bytes.Device, sum.Host + bytes.Host, Math.Max(sum.Staging, bytes.Staging));
        }

        return new MemoryBreakdown
        {
            Weights = weightBytes,
            Cache = sum.Device * batch,
            Staging = CacheBytes.Align(sum.Staging) * batch,
            Activations = Activations(shape, context, prefillChunk, PredictsQueries(layers)) * batch,
            Logits = Floats(shape.VocabularySize) * batch,
            HostCache = sum.Host * batch,
            HostPerStep = layers.Select((policy, layer) => policy.HostBytesPerStep(shape.Layer(layer), context)).Sum() * batch,
            HostPrefill = (Floats((long)context * shape.HiddenSize) + (2 * Floats((long)context * shape.KvHeads * shape.HeadDim))) * batch,
        };
    }

    /// <summary>Whether any layer's index needs a query predicted from the layer before.</summary>
    public static bool PredictsQueries(IReadOnlyList<LayerPolicy> layers) =>
        layers.Any(policy => policy is RetrievedPolicy { Index: CriticalChannels });

    /// <summary>
    /// Device bytes of one chunk's buffers, all f32: hidden states and their normed and projected copies; queries, keys, values and the attention
    /// output; the feed-forward's two inner rows; scores of all heads over the context; a predicted query where an index needs one.
    /// </summary>
    /// <param name="shape">The model's sizes.</param>
    /// <param name="context">Tokens the session can hold.</param>
    /// <param name="prefillChunk">Tokens processed at once.</param>
    /// <param name="predictsQueries">Whether an index needs a query predicted from the layer before.</param>
    public static long Activations(ModelShape shape, int context, int prefillChunk, bool predictsQueries)
    {
        long chunk = Math.Min(prefillChunk, context);
        long queries = Floats(chunk * shape.Heads * shape.HeadDim);
        long keys = Floats(chunk * shape.KvHeads * shape.HeadDim);
        return (3 * Floats(chunk * shape.HiddenSize))
            + (queries * (predictsQueries ? 3 : 2)) + (2 * keys)
            + (2 * Floats(chunk * shape.IntermediateSize))
            + Floats(shape.Heads * (long)ScoreRow(context));
    }

    /// <summary>
    /// Floats that a head's row of scores has room for: the scores, and what it takes for those of the tokens between sinks and window to begin, as each row does, on a cache line.
    /// </summary>
    /// <param name="context">Tokens the session can hold.</param>
    public static int ScoreRow(int context)
    {
        const int Line = CacheBytes.Alignment / sizeof(float);
        return (context + (2 * Line) - 2) / Line * Line;
    }

    private static long Floats(long count) => CacheBytes.Align(count * sizeof(float));
}
