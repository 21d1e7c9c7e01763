using TailorKV.Planner.Models;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Verification;

namespace TailorKV.Profiler.Measuring;

/// <summary>
/// The dense-preference score: the attention mass outside the top 5 % of the keys, mean over the last 32 queries (TailorKV, arXiv 2505.19586, equation 8, divided by
/// queries and heads).
/// </summary>
public static class DensePreference
{
    /// <summary>Queries that are scored, the last ones.</summary>
    public const int ScoredQueries = 32;

    private const double TopShare = 0.05;

    /// <summary>The score of one query head, 0 to 1.</summary>
    /// <param name="layer">The layer's shape.</param>
    /// <param name="head">The query head.</param>
    /// <param name="tokens">Tokens that the last query sees.</param>
    /// <param name="queries">Those of the last tokens, [n, heads, headDim], scaled.</param>
    /// <param name="keys">[kvHeads, stride, headDim], after RoPE.</param>
    /// <param name="stride">Tokens from one KV head to the next.</param>
    /// <param name="softCap">The soft cap of scores, or null.</param>
    internal static double Score(LayerShape layer, int head, int tokens, ReadOnlySpan<float> queries, HostTensor keys, int stride, float? softCap)
    {
        int count = queries.Length / (layer.Heads * layer.HeadDim);
        var probabilities = new float[tokens];
        double score = 0;
        for (int row = 0; row < count; row++)
        {
            int position = tokens - count + row;
            ReadOnlySpan<float> query = queries.Slice(((row * layer.Heads) + head) * layer.HeadDim, layer.HeadDim);
            AttentionProbabilities.Compute(layer, head, position, query, keys, stride, softCap, probabilities);
            score += OutsideTop(probabilities.AsSpan(0, position + 1), tokens) / count;
        }

        return score;
    }

    /// <summary>1 less the sum of the largest probabilities.</summary>
    /// <param name="probabilities">Those of the keys that a query sees; they are put in order.</param>
    /// <param name="tokens">Tokens of which the top 5 % count.</param>
    private static double OutsideTop(Span<float> probabilities, int tokens)
    {
        probabilities.Sort();
        int largest = Math.Min(probabilities.Length, Math.Max(1, (int)(TopShare * tokens)));
        double kept = 0;
        foreach (float probability in probabilities[^largest..])
            kept += probability;
        return Math.Max(0, 1 - kept);
    }
}
