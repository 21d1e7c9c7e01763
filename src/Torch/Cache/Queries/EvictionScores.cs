using TailorKV.Planner.Policies;
using TailorKV.Torch.Numbers;
using TailorKV.Torch.Rotary;
using TorchSharp;
using static TorchSharp.torch;

namespace TailorKV.Torch.Cache.Queries;

/// <summary>What each token of a prompt's middle is kept by: the scores of <see cref="EvictionScore"/>.</summary>
internal static class EvictionScores
{
    /// <summary>Fills the scores in; where no queries are known that a score needs, later tokens score higher.</summary>
    /// <param name="score">Which score.</param>
    /// <param name="queries">What is known of the prompt's queries, or null.</param>
    /// <param name="keys">[kvHeads, tokens, headDim], after RoPE.</param>
    /// <param name="values">[kvHeads, tokens, headDim].</param>
    /// <param name="first">The middle's first token.</param>
    /// <param name="scores">[kvHeads, middle].</param>
    /// <param name="row">Room for a number for each token of the prompt, [kvHeads, tokens].</param>
    public static void Fill(EvictionScore score, TorchPromptQueries? queries, Tensor keys, Tensor values, int first, Tensor scores, Tensor row)
    {
        long middle = scores.shape[1];
        scores.zero_();
        if (middle == 0)
            return;
        if (score == EvictionScore.KeyNorm)
        {
            scores.sub_(Squares(keys));
        }
        else if (queries is not { Tokens: > 0 })
        {
            scores.Increase(Arithmetic.Counted(middle, ScalarType.Float32, scores.device));
        }
        else if (score == EvictionScore.RecentAttention)
        {
            AddRecentAttention(queries, keys, first, scores);
            scores.copy_(nn.functional.avg_pool1d(scores.unsqueeze(1), EvictedPolicy.PooledNeighbours, stride: 1, padding: EvictedPolicy.PooledNeighbours / 2, count_include_pad: false).squeeze(1));
        }
        else
        {
            AddExpectedAttention(queries, keys, first, scores, row);
            scores.mul_(Squares(values).sqrt());
        }

        Tensor Squares(Tensor rows) => rows.narrow(1, first, middle).Squared().sum(-1);
    }

    /// <summary>Attention of the queries kept, summed.</summary>
    private static void AddRecentAttention(TorchPromptQueries queries, Tensor keys, int first, Tensor scores)
    {
        for (int position = queries.FirstKept; position < queries.Tokens; position++)
        {
            using var scope = NewDisposeScope();
            // A query sees nothing after it.
            Tensor seen = SoftCap.Of(queries.At(position).matmul(keys.narrow(1, 0, position + 1).transpose(1, 2)), queries.SoftCap);
            long some = Math.Min(scores.shape[1], position + 1 - first);
            if (some > 0)
                scores.narrow(1, 0, some).Increase(seen.softmax(-1).narrow(-1, first, some).sum(1));
        }
    }

    /// <summary>
    /// The softmax of log E[exp(q . k)] = mean . k + k' covariance k / 2 for normal queries, whose mean and covariance are turned by the mean rotation of the positions to come. A soft cap is left
    /// out: under one the expectation has no closed form.
    /// </summary>
    private static void AddExpectedAttention(TorchPromptQueries queries, Tensor keys, int first, Tensor scores, Tensor row)
    {
        (Tensor means, Tensor covariances) = queries.Moments();
        if (queries.Rotary is { } rotary)
            (means, covariances) = TurnedToCome(rotary, queries.Tokens, means, covariances);
        for (int member = 0; member < means.shape[1]; member++)
        {
            using var scope = NewDisposeScope();
            Tensor mean = means.select(1, member).to(ScalarType.Float32), covariance = covariances.select(1, member).to(ScalarType.Float32);
            row.copy_(keys.matmul(mean.unsqueeze(-1)).squeeze(-1).Plus((keys.matmul(covariance) * keys).sum(-1) / Held.Of(2)));
            scores.Increase(row.softmax(-1).narrow(-1, first, scores.shape[1]));
        }
    }

    private static (Tensor Mean, Tensor Covariance) TurnedToCome(TorchRotary rotary, int tokens, Tensor mean, Tensor covariance)
    {
        double[] cosines = new double[rotary.Pairs], sines = new double[rotary.Pairs];
        rotary.Embedding.MeanAngles(tokens, EvictedPolicy.PositionsToCome, cosines, sines);
        Tensor cosine = tensor(cosines, ScalarType.Float64, mean.device), sine = tensor(sines, ScalarType.Float64, mean.device);
        return (Turned(mean), Turned(Turned(covariance).transpose(-1, -2)));

        Tensor Turned(Tensor rows) => rotary.TurnPairs(rows, rows.narrow(-1, 0, rotary.Pairs), rows.narrow(-1, rotary.Pairs, rotary.Pairs), cosine, sine);
    }
}
