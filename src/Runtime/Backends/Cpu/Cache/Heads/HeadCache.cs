using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using TailorKV.Planner.Models;
using TailorKV.Runtime.Backends.Cpu.Cache.Packs;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Numbers;


namespace TailorKV.Runtime.Backends.Cpu.Cache.Heads;

/// <summary>
/// The cache of one KV head of one layer, kept as its policy says. Heads do not know of each other, so a layer's heads run in parallel; and so do the segments that
/// a head's tokens are divided into, each of which is scored and summed with a softmax of its own until <see cref="Merge"/> makes one of them (Flash-Decoding). A
/// step scores and weighs all segments, rates their tokens and lets the head choose where its policy does, sums all segments, and merges.
/// </summary>
/// <param name="headDim">Elements of a key and of a value.</param>
/// <param name="segmentTokens">The fewest tokens of a segment, at least <paramref name="headDim"/>.</param>
/// <param name="blockTokens">Tokens that formats read together: segments hold whole blocks.</param>
internal abstract class HeadCache(int headDim, int segmentTokens, int blockTokens)
{
    // Enough for the threads to have about as much to do each; more only cost what each of them takes to begin and to be merged.
    private const int FewSegments = 8;

    // In segmentTokens, where there are more tokens than that: shorter segments only begin, and are merged, more often.
    private const int LongSegment = 8;

    // Codes lie in packs: it is best to divide between them.
    private readonly int _block = (PackedCodes.Tokens + blockTokens - 1) / blockTokens * blockTokens;

    // Floats of a cache line.
    private const int Line = CacheBytes.Alignment / sizeof(float);

    /// <summary>Tokens held.</summary>
    public int Tokens { get; private set; }

    /// <summary>Segments of a step from the newest token.</summary>
    public int Segments { get; private set; } = 1;

    /// <summary>Whether a step calls <see cref="Choose"/>.</summary>
    public virtual bool Chooses => false;

    /// <summary>Whether a step calls <see cref="Sum"/>; without it <see cref="Choose"/> makes the outputs.</summary>
    public virtual bool SumsSegments => true;

    protected int HeadDim => headDim;

    /// <summary>
    /// From one query's scores to the next's. Rows begin on a cache line, and so do the scores of the segmented tokens, which are read and written in whole vectors many times.
    /// </summary>
    protected int ScoreStride => (ScoresStart + Scored + Line - 1) / Line * Line;

    /// <summary>Where in its row a query's first score lies.</summary>
    protected int ScoresStart => (Line - (ScoresBefore % Line)) % Line;

    /// <summary>Tokens that are divided into segments.</summary>
    protected abstract int SegmentedTokens { get; }

    /// <summary>Tokens that are scored.</summary>
    protected abstract int Scored { get; }

    /// <summary>Scores before those of the segmented tokens.</summary>
    protected virtual int ScoresBefore => 0;

    /// <summary>The most segments that a head of so many tokens has.</summary>
    public static int MostSegments(int tokens, int segmentTokens) => SegmentsOf(tokens / segmentTokens);

    /// <summary>Starts over with a prompt.</summary>
    /// <param name="keys">[tokens, headDim], after RoPE.</param>
    /// <param name="values">[tokens, headDim].</param>
    /// <param name="tokens">At most the context the cache was made for.</param>
    public void Load(NativeBuffer<float> keys, NativeBuffer<float> values, int tokens)
    {
        Tokens = tokens;
        Store(keys, values);
        Divide();
    }

    /// <summary>Counts one token more, which is <see cref="Append">appended</see> next.</summary>
    public void Advance()
    {
        Tokens++;
        Divide();
    }

    /// <summary>Adds the token that has been counted.</summary>
    public void Append(ReadOnlySpan<float> key, ReadOnlySpan<float> value) => StoreNewest(key, value);

    /// <summary>Makes a step's queries ready, before any segment is scored.</summary>
    public virtual void Prepare(AttentionStep step)
    {
    }

    /// <summary>Scores a segment's tokens.</summary>
    public void Score(AttentionStep step, int segment)
    {
        (int first, int end) = TokensOf(segment);
        ScoreTokens(step, first, end, segment == 0, segment == Segments - 1);
        int group = step.Queries.Length / headDim;
        for (int query = 0; query < group; query++)
        {
            Span<float> row = Row(step, segment, query);
            step.Cap(row);
            LargestOf(step, query)[segment] = Softmax.Largest(row);
        }
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
            Span<float> largest = LargestOf(step, query);
            SumsOf(step, query)[segment] = Softmax.Weigh(Row(step, segment, query), Chooses ? Softmax.Largest(largest) : largest[segment]);
        }
    }

    /// <summary>Works out what a segment's tokens are chosen by, once all segments are weighed.</summary>
    public virtual void Rate(AttentionStep step, int segment)
    {
    }

    /// <summary>Chooses tokens that are attended to otherwise than by these scores, and leaves what they add in the first segment's sums and in the outputs.</summary>
    public virtual void Choose(AttentionStep step)
    {
    }

    /// <summary>Sums a segment's weighted values, and, where some were chosen, the weights that are left.</summary>
    [SkipLocalsInit]
    public void Sum(AttentionStep step, int segment)
    {
        (int first, int end) = TokensOf(segment);
        int group = step.Queries.Length / headDim;
        using Scratch<float> largestRoom = new(stackalloc float[Scratch<float>.Little], group);
        Span<float> largest = largestRoom.Span;
        // Weights are of the segment's largest score, unless tokens of all segments are compared.
        largest.Fill(1);
        if (Chooses)
        {
            Drop(step, first, end);
            for (int query = 0; query < group; query++)
            {
                // The first segment begins with what choosing left.
                float sum = Softmax.Sum(Row(step, segment, query), out largest[query]);
                ref float whole = ref SumsOf(step, query)[segment];
                whole = segment == 0 ? whole + sum : sum;
            }
        }

        if (segment == 0)
        {
            if (!Chooses)
                step.Outputs.Clear();
            SumTokens(step, largest, first, end, isFirst: true, Segments == 1, step.Outputs);
            return;
        }

        using Scratch<float> sumsRoom = new(stackalloc float[Scratch<float>.Little], group * headDim);
        Span<float> sums = sumsRoom.Span;
        sums.Clear();
        SumTokens(step, largest, first, end, isFirst: false, segment == Segments - 1, sums);
        // Of the weights, which are done with, a segment has more than the values that it leaves in their place.
        for (int query = 0; query < group; query++)
            sums.Slice(query * headDim, headDim).CopyTo(Row(step, segment, query));
    }

    /// <summary>Makes one softmax of the segments'.</summary>
    public void Merge(AttentionStep step)
    {
        int group = step.Queries.Length / headDim;
        for (int query = 0; query < group; query++)
        {
            Span<float> output = step.Outputs.Slice(query * headDim, headDim);
            Span<float> sums = SumsOf(step, query);
            float largest = Softmax.Largest(LargestOf(step, query)), factor = Factor(step, 0, query, largest), sum = sums[0] * factor;
            TensorPrimitives.Multiply(output, factor, output);
            for (int segment = 1; segment < sums.Length; segment++)
            {
                factor = Factor(step, segment, query, largest);
                sum += sums[segment] * factor;
                TensorPrimitives.MultiplyAdd(Row(step, segment, query)[..headDim], factor, output, output);
            }

            TensorPrimitives.Divide(output, sum, output);
        }
    }

    /// <summary>Stores all of <see cref="Tokens"/> in place of what was there.</summary>
    /// <param name="keys">[tokens, headDim].</param>
    /// <param name="values">[tokens, headDim].</param>
    protected abstract void Store(NativeBuffer<float> keys, NativeBuffer<float> values);

    /// <summary>Stores the last of <see cref="Tokens"/>.</summary>
    protected abstract void StoreNewest(ReadOnlySpan<float> key, ReadOnlySpan<float> value);

    /// <summary>Scores of a segment's tokens, each at its place in the row of its query.</summary>
    /// <param name="step">The step.</param>
    /// <param name="first">The first of the segmented tokens that belong to the segment.</param>
    /// <param name="end">The token after the last of them.</param>
    /// <param name="isFirst">Whether what comes before all segmented tokens belongs to it too.</param>
    /// <param name="isLast">Whether what comes after them does.</param>
    protected abstract void ScoreTokens(AttentionStep step, int first, int end, bool isFirst, bool isLast);

    /// <summary>Adds the values of a segment's tokens, by the weights in the places of their scores.</summary>
    /// <param name="step">The step.</param>
    /// <param name="largest">An upper bound of each query's weights, [group]; a tighter one may be put in its place.</param>
    /// <param name="first">The first of the segmented tokens that belong to the segment.</param>
    /// <param name="end">The token after the last of them.</param>
    /// <param name="isFirst">Whether what comes before all segmented tokens belongs to it too.</param>
    /// <param name="isLast">Whether what comes after them does.</param>
    /// <param name="outputs">[group, headDim].</param>
    protected abstract void SumTokens(AttentionStep step, Span<float> largest, int first, int end, bool isFirst, bool isLast, Span<float> outputs);

    /// <summary>Takes the weight from those of a segment's tokens that were chosen.</summary>
    /// <param name="step">The step.</param>
    /// <param name="first">The first of the segmented tokens that belong to the segment.</param>
    /// <param name="end">The token after the last of them.</param>
    protected virtual void Drop(AttentionStep step, int first, int end)
    {
    }

    /// <summary>The largest score of each segment.</summary>
    protected Span<float> LargestOf(AttentionStep step, int query) => step.Largest.Slice(query * Segments, Segments);

    /// <summary>The sum of each segment's weights.</summary>
    protected Span<float> SumsOf(AttentionStep step, int query) => step.Sums.Slice(query * Segments, Segments);

    /// <summary>The segmented tokens of a segment.</summary>
    protected (int First, int End) TokensOf(int segment) => (Boundary(segment), segment == Segments - 1 ? SegmentedTokens : Boundary(segment + 1));

    private void Divide()
    {
        Segments = SegmentsOf(SegmentedTokens / ((segmentTokens + _block - 1) / _block * _block));
    }

    private static int SegmentsOf(int most) => Math.Max(Math.Clamp(most, 1, FewSegments), most / LongSegment);

    /// <summary>What a segment's weights are multiplied with, so that they are of the largest score of all: where some were chosen they are already.</summary>
    private float Factor(AttentionStep step, int segment, int query, float largest) =>
        Chooses ? 1 : MathF.Exp(LargestOf(step, query)[segment] - largest);

    /// <summary>A query's scores of a segment's tokens, or what has taken their place.</summary>
    private Span<float> Row(AttentionStep step, int segment, int query)
    {
        (int from, int to) = Places(segment);
        int start = (query * ScoreStride) + ScoresStart;
        return step.Scores[(start + from)..(start + to)];
    }

    /// <summary>Where a segment's scores lie in the row of a query.</summary>
    private (int From, int To) Places(int segment) =>
        (segment == 0 ? 0 : ScoresBefore + TokensOf(segment).First, segment == Segments - 1 ? Scored : ScoresBefore + TokensOf(segment).End);

    private int Boundary(int segment) => (int)((long)(SegmentedTokens / _block) * segment / Segments) * _block;
}
