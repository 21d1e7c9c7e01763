using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using TailorKV.Planner.Policies;
using TailorKV.Runtime.Backends.Cpu.Kernels;
using TailorKV.Runtime.Backends.Cpu.Rotary;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Numbers;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Queries;

/// <summary>What each token of a prompt's middle is kept by: the scores of <see cref="EvictionScore"/>.</summary>
internal static class EvictionScores
{
    // Tokens of one span.
    private const int Some = 1 << 12;

    /// <summary>Fills the scores in; where no queries are known that a score needs, later tokens score higher.</summary>
    /// <param name="score">Which score.</param>
    /// <param name="queries">What is known of the prompt's queries, or null.</param>
    /// <param name="keys">[tokens, headDim], after RoPE.</param>
    /// <param name="values">[tokens, headDim].</param>
    /// <param name="headDim">Elements of a key.</param>
    /// <param name="tokens">Tokens of the prompt.</param>
    /// <param name="first">The middle's first token.</param>
    /// <param name="scores">One for each token of the middle.</param>
    /// <param name="row">Room for a number for each token of the prompt.</param>
    public static void Fill(
        EvictionScore score, HeadQueries? queries, NativeBuffer<float> keys, NativeBuffer<float> values, int headDim, int tokens, int first, Span<float> scores, Span<float> row)
    {
        scores.Clear();
        if (score == EvictionScore.KeyNorm)
        {
            for (int i = 0; i < scores.Length; i++)
                scores[i] = -TensorPrimitives.SumOfSquares<float>(Row(keys, first + i, headDim));
        }
        else if (queries is not { Tokens: > 0 })
        {
            for (int i = 0; i < scores.Length; i++)
                scores[i] = i;
        }
        else if (score == EvictionScore.RecentAttention)
        {
            AddRecentAttention(queries, keys, headDim, first, scores, row);
        }
        else
        {
            AddExpectedAttention(queries, keys, headDim, first, scores, row);
            for (int i = 0; i < scores.Length; i++)
                scores[i] *= TensorPrimitives.Norm<float>(Row(values, first + i, headDim));
        }
    }

    /// <summary>Attention of the queries kept, summed, and each token's averaged with its neighbours'.</summary>
    private static void AddRecentAttention(HeadQueries queries, NativeBuffer<float> keys, int headDim, int first, Span<float> scores, Span<float> row)
    {
        RowKernel kernel = RowKernel.OfSingles(headDim, VectorWidth.Widest);
        for (int position = queries.FirstKept; position < queries.Tokens; position++)
        {
            Span<float> seen = row[..(position + 1)];
            for (int member = 0; member < queries.Group; member++)
            {
                for (int from = 0, count; from < seen.Length; from += count)
                {
                    count = Math.Min(Some, seen.Length - from);
                    kernel.Dots(MemoryMarshal.AsBytes(keys.Slice((long)from * headDim, count * headDim)), 0, headDim, queries.At(position, member), seen[from..], count);
                }

                if (queries.SoftCap is { } cap)
                    SoftCap.Apply(seen, cap);
                AddSoftmax(seen, first, scores);
            }
        }

        Span<float> pooled = row[..scores.Length];
        for (int i = 0; i < scores.Length; i++)
        {
            Span<float> around = scores[Math.Max(0, i - (EvictedPolicy.PooledNeighbours / 2))..Math.Min(scores.Length, i + (EvictedPolicy.PooledNeighbours / 2) + 1)];
            pooled[i] = TensorPrimitives.Sum<float>(around) / around.Length;
        }

        pooled.CopyTo(scores);
    }

    /// <summary>
    /// The softmax of log E[exp(q . k)] = mean . k + k' covariance k / 2 for normal queries, whose mean and covariance are turned by the mean rotation of the positions to come. A soft cap
    /// is left out: under one the expectation has no closed form.
    /// </summary>
    private static void AddExpectedAttention(HeadQueries queries, NativeBuffer<float> keys, int headDim, int first, Span<float> scores, Span<float> row)
    {
        using Scratch<double> moments = new([], headDim * (headDim + 1));
        using Scratch<float> turned = new([], headDim * (headDim + 2));
        Span<double> mean = moments.Span[..headDim], covariance = moments.Span[headDim..];
        Span<float> turnedMean = turned.Span[..headDim], products = turned.Span.Slice(headDim, headDim), turnedCovariance = turned.Span[(2 * headDim)..];
        for (int member = 0; member < queries.Group; member++)
        {
            queries.Moment(member, mean, covariance);
            if (queries.Rotary is { } rotary)
                TurnToCome(rotary, queries.Tokens, mean, covariance);
            TensorPrimitives.ConvertTruncating<double, float>(mean, turnedMean);
            TensorPrimitives.ConvertTruncating<double, float>(covariance, turnedCovariance);
            for (int token = 0; token < row.Length; token++)
            {
                ReadOnlySpan<float> key = Row(keys, token, headDim);
                for (int i = 0; i < headDim; i++)
                    products[i] = TensorPrimitives.Dot(turnedCovariance.Slice(i * headDim, headDim), key);
                row[token] = TensorPrimitives.Dot<float>(turnedMean, key) + (TensorPrimitives.Dot<float>(products, key) / 2);
            }

            AddSoftmax(row, first, scores);
        }
    }

    private static void TurnToCome(RotaryEmbedding rotary, int tokens, Span<double> mean, Span<double> covariance)
    {
        int pairs = rotary.Pairs, headDim = mean.Length;
        using Scratch<double> angles = new([], 2 * pairs);
        Span<double> cosines = angles.Span[..pairs], sines = angles.Span[pairs..];
        rotary.MeanAngles(tokens, EvictedPolicy.PositionsToCome, cosines, sines);
        Turn(mean, 1, cosines, sines);
        for (int i = 0; i < headDim; i++)
            Turn(covariance.Slice(i * headDim, headDim), 1, cosines, sines);
        for (int i = 0; i < headDim; i++)
            Turn(covariance[i..], headDim, cosines, sines);
    }

    /// <summary>Turns a vector whose elements lie so many numbers apart.</summary>
    private static void Turn(Span<double> vector, int apart, ReadOnlySpan<double> cosines, ReadOnlySpan<double> sines)
    {
        for (int i = 0; i < cosines.Length; i++)
        {
            ref double x = ref vector[i * apart], y = ref vector[(i + cosines.Length) * apart];
            (x, y) = ((x * cosines[i]) - (y * sines[i]), (y * cosines[i]) + (x * sines[i]));
        }
    }

    private static void AddSoftmax(Span<float> row, int first, Span<float> scores)
    {
        Softmax.Probabilities(row);
        // A query sees nothing after it.
        ReadOnlySpan<float> middle = row[Math.Min(first, row.Length)..Math.Min(first + scores.Length, row.Length)];
        TensorPrimitives.Add(scores[..middle.Length], middle, scores[..middle.Length]);
    }

    private static ReadOnlySpan<float> Row(NativeBuffer<float> rows, int token, int headDim) => rows.Slice((long)token * headDim, headDim);
}
