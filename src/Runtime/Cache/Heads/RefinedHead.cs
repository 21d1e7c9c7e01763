using System.Numerics.Tensors;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Runtime.Cache.Codes;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Cache.Heads;

/// <summary>
/// The middle lies in codes on the device and exactly on the host. Every query sees all of it: by its codes, but for the tokens that the codes give the
/// most probability, whose exact rows stand in for them in scores and sum.
/// </summary>
internal sealed class RefinedHead : WindowedHead
{
    // What an exact score may be above all that the codes gave before the others' weights, of the largest of theirs, are made smaller: what it costs to go through them all is saved
    // nearly always.
    private const float MostAbove = 16;

    private readonly IKeyCodes _keys;
    private readonly IValueCodes _values;
    private readonly HostRows _host;

    public RefinedHead(RefinedPolicy policy, LayerShape layer, int context, int segmentTokens, Arena device, Arena host, Arena staging)
        : base(policy, layer.HeadDim, segmentTokens, device)
    {
        int middle = policy.MiddleTokens(context);
        _keys = CodeFactory.Keys(policy.Keys, middle, HeadDim, device);
        _values = CodeFactory.Values(policy.Values, middle, HeadDim, device);
        _host = new HostRows(policy, policy.TopK, middle, HeadDim, host, staging);
    }

    public override bool Chooses => true;

    public override void Rate(AttentionStep step, int segment) => Rate(_host, step, segment);

    public override void Choose(AttentionStep step)
    {
        ReadOnlySpan<int> chosen = _host.Choose(Middle);
        step.Outputs.Clear();
        int group = step.Queries.Length / HeadDim;
        for (int query = 0, count; query < group; query += count)
        {
            count = Math.Min(group - query, _host.RoomRows);
            AddChosen(step, query, count, chosen);
        }
    }

    public override void Prepare(AttentionStep step) => _keys.Prepare(step.Queries);

    protected override void ScoreMiddle(AttentionStep step, int first, int end, Span<float> scores) => _keys.Scores(first, end, scores, ScoreStride);

    protected override void SumMiddle(ReadOnlySpan<float> weights, ReadOnlySpan<float> largest, int first, int end, Span<float> outputs) =>
        _values.AddWeighted(weights, largest, ScoreStride, first, end, outputs);

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

    /// <summary>Puts the chosen tokens' exact values, weighted by their exact scores, into queries' outputs.</summary>
    private void AddChosen(AttentionStep step, int first, int count, ReadOnlySpan<int> chosen)
    {
        Range queries = (first * HeadDim)..((first + count) * HeadDim);
        Span<float> exact = _host.Room(count);
        _host.Scores(step.Queries[queries], exact, chosen.Length);
        for (int query = first; query < first + count; query++)
            SumsOf(step, query)[0] = chosen.IsEmpty ? 0 : Weigh(step, query, exact.Slice((query - first) * chosen.Length, chosen.Length));
        _host.AddWeighted(exact, chosen.Length, step.Outputs[queries]);
    }

    /// <summary>Makes weights of one query's exact scores.</summary>
    /// <returns>Their sum.</returns>
    private float Weigh(AttentionStep step, int query, Span<float> exact)
    {
        float largest = Softmax.Largest(LargestOf(step, query)), largestExact = Softmax.Largest(exact);
        if (largestExact > largest + MostAbove)
        {
            Span<float> weights = step.Scores.Slice((query * ScoreStride) + ScoresStart, Scored);
            TensorPrimitives.Multiply(weights, MathF.Exp(largest - largestExact), weights);
            largest = largestExact;
        }

        return Softmax.Weigh(exact, largest);
    }
}
