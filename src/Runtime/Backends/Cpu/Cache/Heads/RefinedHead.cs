using System.Numerics.Tensors;
using TailorKV.Planner.Policies;
using TailorKV.Runtime.Backends.Cpu.Cache.Codes;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Numbers;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Heads;

/// <summary>
/// The middle lies in codes on the device and exactly, or in finer codes, on the host. Every query sees all of it: by its codes, but for the tokens that the codes give the
/// most probability, whose rows from the host stand in for them in scores and sum.
/// </summary>
internal sealed class RefinedHead : WindowedHead
{
    // What an exact score may be above all that the codes gave before the others' weights, of the largest of theirs, are made smaller: what it costs to go through them all is saved
    // nearly always.
    private const float MostAbove = 16;

    // What all exact scores may be below it before it is looked whether others' weights count, and what they must be then: e^-40, which leaves weights of single precision another e^-47 down to
    // where they end.
    private const float MostBelow = 40;
    private const float LeastWeight = 4e-18f;

    private readonly IKeyCodes _keys;
    private readonly IValueCodes _values;
    private readonly HostRows _host;

    public RefinedHead(RefinedPolicy policy, HeadRequest request)
        : base(policy, request)
    {
        int middle = policy.MiddleTokens(request.Context);
        _keys = request.Keys(policy.Keys, middle);
        _values = request.Values(policy.Values, middle);
        _host = new HostRows(policy, policy.TopK, middle, HeadDim, request.Host, request.Staging);
    }

    public override bool Chooses => true;

    public override void Rate(AttentionStep step, int segment) => Rate(_host, step, segment);

    public override void Choose(AttentionStep step)
    {
        bool again = Choose(_host, step);
        if (!again && TryAddChosen(step))
            return;
        if (!again)
            ScoreAgain(step);
        WeighOthers(step);
        TryAddChosen(step);
    }

    public override void Prepare(AttentionStep step) => _keys.Prepare(step.Queries);

    protected override void ScoreMiddle(AttentionStep step, int first, int end, Span<float> scores) => _keys.Scores(first, end, scores, ScoreStride);

    protected override void SumMiddle(ReadOnlySpan<float> weights, ReadOnlySpan<float> largest, int first, int end, Span<float> outputs) =>
        _values.AddWeighted(weights, largest, ScoreStride, first, end, outputs);

    protected override void BeginMiddle(NativeBuffer<float> values) => _values.Begin(values);

    protected override void AddToMiddle(int first, ReadOnlySpan<float> keys, ReadOnlySpan<float> values)
    {
        _keys.Encode(first, keys);
        _values.Encode(first, values);
        _host.Write(first, keys, values);
    }

    // Not when they are chosen: another thread has these weights near to it.
    protected override void Drop(AttentionStep step, int first, int end)
    {
        ReadOnlySpan<int> chosen = _host.Chosen;
        int from = chosen.BinarySearch(first), to = chosen.BinarySearch(end);
        chosen = chosen[(from < 0 ? ~from : from)..(to < 0 ? ~to : to)];
        int group = step.Queries.Length / HeadDim;
        for (int query = 0; query < group; query++)
        {
            Span<float> weights = step.Scores[((query * ScoreStride) + MiddleStart)..];
            foreach (int token in chosen)
                weights[token] = 0;
        }
    }

    /// <summary>
    /// Makes weights of the scores of all but the chosen tokens, of the largest of theirs: the codes' scores of chosen tokens, which do not count, may be so far above that nothing is left of weights
    /// of the largest of all.
    /// </summary>
    private void WeighOthers(AttentionStep step)
    {
        int group = step.Queries.Length / HeadDim;
        for (int query = 0; query < group; query++)
        {
            Span<float> scores = step.Scores.Slice((query * ScoreStride) + ScoresStart, Scored);
            foreach (int token in _host.Chosen)
                scores[SinkTokens + token] = float.NegativeInfinity;
            // Where all are chosen there are no others, and none has weight.
            float largest = Math.Max(Softmax.Largest(scores), float.MinValue);
            Softmax.Weigh(scores, largest);
            LargestOf(step, query).Fill(largest);
        }
    }

    /// <summary>Puts the chosen tokens' exact values, weighted by their exact scores, into the outputs.</summary>
    /// <returns>False where what a query sees has too little weight: weights must be made anew of the largest score that counts.</returns>
    private bool TryAddChosen(AttentionStep step)
    {
        ReadOnlySpan<int> chosen = _host.Chosen;
        step.Outputs.Clear();
        int group = step.Queries.Length / HeadDim;
        for (int first = 0, count; first < group; first += count)
        {
            count = Math.Min(group - first, _host.RoomRows);
            Range queries = (first * HeadDim)..((first + count) * HeadDim);
            Span<float> exact = _host.Room(count);
            _host.Scores(step.Queries[queries], exact, chosen.Length);
            step.Cap(exact);
            for (int query = first; query < first + count; query++)
            {
                Span<float> ofQuery = exact.Slice((query - first) * chosen.Length, chosen.Length);
                ref float sum = ref SumsOf(step, query)[0];
                sum = 0;
                if (!chosen.IsEmpty && !TryWeigh(step, query, ofQuery, out sum))
                    return false;
            }

            _host.AddWeighted(exact, chosen.Length, step.Outputs[queries]);
        }

        return true;
    }

    /// <summary>Makes weights of one query's exact scores.</summary>
    /// <returns>Whether they or those of the others count beside the largest score by which weights were made.</returns>
    private bool TryWeigh(AttentionStep step, int query, Span<float> exact, out float sum)
    {
        float largest = Softmax.Largest(LargestOf(step, query)), largestExact = Softmax.Largest(exact);
        sum = 0;
        if (largestExact < largest - MostBelow && LargestOther(step, query) < LeastWeight)
            return false;
        if (largestExact > largest + MostAbove)
        {
            Span<float> weights = step.Scores.Slice((query * ScoreStride) + ScoresStart, Scored);
            TensorPrimitives.Multiply(weights, MathF.Exp(largest - largestExact), weights);
            largest = largestExact;
        }

        sum = Softmax.Weigh(exact, largest);
        return true;
    }

    /// <summary>The largest weight of all but the chosen tokens, which have none from now on.</summary>
    private float LargestOther(AttentionStep step, int query)
    {
        Span<float> weights = step.Scores.Slice((query * ScoreStride) + ScoresStart, Scored);
        foreach (int token in _host.Chosen)
            weights[SinkTokens + token] = 0;
        Softmax.Sum(weights, out float largest);
        return largest;
    }
}
