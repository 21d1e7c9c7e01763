using System.Numerics.Tensors;

namespace TailorKV.Runtime.Cache.Heads;

/// <summary>
/// The cache of one KV head of one layer, kept as its policy says. Heads do not know of each other, so a layer's heads run in parallel; and so do the segments that
/// a head's tokens are divided into, each of which is scored and summed with a softmax of its own until <see cref="Merge"/> makes one of them (Flash-Decoding). A
/// step scores and weighs all segments, lets the head choose where its policy does, sums all segments, and merges.
/// </summary>
/// <param name="headDim">Elements of a key and of a value.</param>
/// <param name="segmentTokens">Tokens of a segment, at least <paramref name="headDim"/>; the last segment is longer by what is left over.</param>
internal abstract class HeadCache(int headDim, int segmentTokens)
{
    /// <summary>Tokens held.</summary>
    public int Tokens { get; protected set; }

    /// <summary>Segments of a step from the newest token.</summary>
    public int Segments => Math.Max(1, DivisibleTokens / segmentTokens);

    /// <summary>Whether a step calls <see cref="Choose"/>.</summary>
    public virtual bool Chooses => false;

    /// <summary>Whether a step calls <see cref="Sum"/>; without it <see cref="Choose"/> makes the outputs.</summary>
    public virtual bool SumsSegments => true;

    protected int HeadDim => headDim;

    /// <summary>Tokens that are divided into segments.</summary>
    protected abstract int DivisibleTokens { get; }

    /// <summary>Scores of a step: one for each token that is scored.</summary>
    protected abstract int ScoreStride { get; }

    /// <summary>Scores before those of the divided tokens.</summary>
    protected virtual int ScoresBefore => 0;

    /// <summary>Starts over with a prompt.</summary>
    /// <param name="keys">[tokens, headDim], after RoPE.</param>
    /// <param name="values">[tokens, headDim].</param>
    /// <param name="tokens">At most the context the cache was made for.</param>
    public abstract void Load(ReadOnlySpan<float> keys, ReadOnlySpan<float> values, int tokens);

    /// <summary>Adds one token.</summary>
    public abstract void Append(ReadOnlySpan<float> key, ReadOnlySpan<float> value);

    /// <summary>Scores a segment's tokens.</summary>
    public void Score(AttentionStep step, int segment)
    {
        (int first, int end) = Divisible(segment);
        ScoreTokens(step, first, end, segment == 0, segment == Segments - 1);
        int group = step.Queries.Length / headDim;
        for (int query = 0; query < group; query++)
            step.Largest[(segment * group) + query] = Softmax.Largest(Row(step, segment, query));
    }

    /// <summary>
    /// Makes weights of a segment's scores: exp(score - largest). The largest is the segment's, or, where tokens of all segments are to be compared, that of all of them:
    /// then all must have been scored.
    /// </summary>
    public void Weigh(AttentionStep step, int segment)
    {
        int group = step.Queries.Length / headDim;
        for (int query = 0; query < group; query++)
        {
            int place = (segment * group) + query;
            step.Sums[place] = Softmax.Weigh(Row(step, segment, query), Chooses ? Largest(step, query) : step.Largest[place]);
        }
    }

    /// <summary>Chooses tokens that are attended to otherwise than by these scores, and leaves what they add in the first segment's sums and in the outputs.</summary>
    public virtual void Choose(AttentionStep step)
    {
    }

    /// <summary>Sums a segment's weighted values, and, where some were chosen, the weights that are left.</summary>
    public void Sum(AttentionStep step, int segment)
    {
        (int first, int end) = Divisible(segment);
        int group = step.Queries.Length / headDim;
        for (int query = 0; query < group && Chooses; query++)
        {
            // What was chosen has lost its weight; the first segment begins with what choosing left.
            float sum = TensorPrimitives.Sum<float>(Row(step, segment, query));
            step.Sums[(segment * group) + query] = segment == 0 ? step.Sums[query] + sum : sum;
        }

        if (segment == 0)
        {
            if (!Chooses)
                step.Outputs.Clear();
            SumTokens(step, first, end, isFirst: true, Segments == 1, step.Outputs);
            return;
        }

        Span<float> sums = stackalloc float[group * headDim];
        sums.Clear();
        SumTokens(step, first, end, isFirst: false, segment == Segments - 1, sums);
        // Of the weights, which are done with, a segment has more than the values that it leaves in their place.
        for (int query = 0; query < group; query++)
            sums.Slice(query * headDim, headDim).CopyTo(Row(step, segment, query));
    }

    /// <summary>Makes one softmax of the segments'.</summary>
    public void Merge(AttentionStep step)
    {
        int group = step.Queries.Length / headDim, segments = Segments;
        for (int query = 0; query < group; query++)
        {
            Span<float> output = step.Outputs.Slice(query * headDim, headDim);
            float largest = step.Largest[query], sum = step.Sums[query];
            for (int segment = 1; segment < segments; segment++)
            {
                float other = Chooses ? largest : step.Largest[(segment * group) + query];
                ReadOnlySpan<float> part = Row(step, segment, query)[..headDim];
                (float shrink, float factor) = other > largest ? (MathF.Exp(largest - other), 1f) : (1f, MathF.Exp(other - largest));
                largest = Math.Max(largest, other);
                sum = (sum * shrink) + (step.Sums[(segment * group) + query] * factor);
                TensorPrimitives.Multiply(output, shrink, output);
                TensorPrimitives.MultiplyAdd(part, factor, output, output);
            }

            TensorPrimitives.Divide(output, sum, output);
        }
    }

    /// <summary>Scores of a segment's tokens, each at its place in the row of its query.</summary>
    /// <param name="step">The step.</param>
    /// <param name="first">The first of the divided tokens that belong to the segment.</param>
    /// <param name="end">The token after the last of them.</param>
    /// <param name="isFirst">Whether what comes before all divided tokens belongs to it too.</param>
    /// <param name="isLast">Whether what comes after them does.</param>
    protected abstract void ScoreTokens(AttentionStep step, int first, int end, bool isFirst, bool isLast);

    /// <summary>Adds the values of a segment's tokens, by the weights in the places of their scores.</summary>
    protected abstract void SumTokens(AttentionStep step, int first, int end, bool isFirst, bool isLast, Span<float> outputs);

    /// <summary>The largest score of a query.</summary>
    protected float Largest(AttentionStep step, int query)
    {
        int group = step.Queries.Length / headDim;
        float largest = step.Largest[query];
        for (int segment = 1; segment < Segments; segment++)
            largest = Math.Max(largest, step.Largest[(segment * group) + query]);
        return largest;
    }

    /// <summary>A query's scores of a segment's tokens, or what has taken their place.</summary>
    private Span<float> Row(AttentionStep step, int segment, int query)
    {
        (int from, int to) = Places(segment);
        return step.Scores[((query * ScoreStride) + from)..((query * ScoreStride) + to)];
    }

    /// <summary>Where a segment's scores lie in the row of a query.</summary>
    private (int From, int To) Places(int segment) =>
        (segment == 0 ? 0 : ScoresBefore + Divisible(segment).First, segment == Segments - 1 ? ScoreStride : ScoresBefore + Divisible(segment).End);

    /// <summary>The divided tokens of a segment.</summary>
    private (int First, int End) Divisible(int segment) =>
        (segment * segmentTokens, segment == Segments - 1 ? DivisibleTokens : (segment + 1) * segmentTokens);
}
