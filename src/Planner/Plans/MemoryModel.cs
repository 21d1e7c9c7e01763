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
    /// <param name="laidOutBytes">Bytes of the weights laid out once more, as of <see cref="ModelFingerprint.LaidOutBytes"/>.</param>
    public static MemoryBreakdown Predict(
        ModelShape shape, long weightBytes, IReadOnlyList<LayerPolicy> layers, int context, int prefillChunk, int batch = 1, long laidOutBytes = 0)
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
            HostWeights = laidOutBytes,
            HostCache = sum.Host * batch,
            HostLogits = Floats((long)LogitsRows(context, prefillChunk) * shape.VocabularySize) * batch,
            HostPerStep = layers.Select((policy, layer) => policy.HostBytesPerStep(shape.Layer(layer), context)).Sum() * batch,
            HostPrefill = (Floats((long)context * shape.HiddenSize) + (2 * Floats((long)context * shape.KvHeads * shape.HeadDim))) * batch,
        };
    }

    /// <summary>Bytes of sessions of a model, the weights laid out once more included.</summary>
    /// <param name="model">The model.</param>
    /// <param name="layers">A policy for each layer.</param>
    /// <param name="context">Tokens a session can hold.</param>
    /// <param name="prefillChunk">Tokens processed at once.</param>
    /// <param name="batch">Sessions open at once.</param>
    public static MemoryBreakdown Predict(ModelFingerprint model, IReadOnlyList<LayerPolicy> layers, int context, int prefillChunk, int batch = 1) =>
        Predict(model.Shape, model.WeightBytes, layers, context, prefillChunk, batch, model.LaidOutBytes);

    /// <summary>
    /// What no runtime can hold, or null: sizes beyond all memory, and the two buffers that are read as one span each, of at most 2,147,483,647 numbers, a chunk's rows and the scores of the queries
    /// that share a KV head. All others may be of any length.
    /// </summary>
    /// <param name="shape">The model's sizes.</param>
    /// <param name="context">Tokens the session can hold.</param>
    /// <param name="prefillChunk">Tokens processed at once.</param>
    /// <param name="batch">Sessions open at once.</param>
    public static string? Problem(ModelShape shape, int context, int prefillChunk, int batch = 1)
    {
        const long MostBytes = 1L << 60;
        long chunk = Math.Min(prefillChunk, context), widest = Math.Max(shape.IntermediateSize, Math.Max(shape.HiddenSize, (long)shape.Heads * shape.HeadDim));
        long scores = shape.Heads / shape.KvHeads * (long)ScoreRow(context);
        // More than any policy takes, windows of their own length included: it only has to keep sums of bytes within 64 bits.
        double keys = (shape.Layers + 1.0) * shape.KvHeads * shape.HeadDim * (context + WindowedPolicy.MostWindowTokens);
        double bytes = 16.0 * batch * (keys + ((double)context * (shape.HiddenSize + shape.Heads)) + (3 * chunk * widest));
        return bytes > MostBytes ? $"{batch} sessions of {context} tokens may take more than {MostBytes} bytes"
            : chunk * widest > int.MaxValue ? $"a chunk of {chunk} tokens is {chunk * widest} numbers, {widest} a token, and {int.MaxValue} are the most: prefill in chunks of {int.MaxValue / widest} tokens or fewer"
            : scores > int.MaxValue ? $"{shape.Heads / shape.KvHeads} queries that share a KV head have {scores} scores over {context} tokens, and {int.MaxValue} are the most"
            : null;
    }

    /// <summary>Tokens whose logits are worked out at once where those of many are read: the head is the largest matrix, and reading it once for many rows is what counts.</summary>
    /// <param name="context">Tokens the session can hold.</param>
    /// <param name="prefillChunk">Tokens processed at once.</param>
    public static int LogitsRows(int context, int prefillChunk) => Math.Min(16, Math.Min(prefillChunk, context));

    /// <summary>Whether any layer needs a query predicted from the layer before.</summary>
    public static bool PredictsQueries(IReadOnlyList<LayerPolicy> layers) => layers.Any(policy => policy.NeedsPredictedQueries);

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
