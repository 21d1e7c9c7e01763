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

    public override void Choose(AttentionStep step)
    {
        ReadOnlySpan<int> chosen = ChooseTokens(_host, step);
        step.Outputs.Clear();
        int group = step.Queries.Length / HeadDim;
        for (int query = 0; query < group; query++)
            AddChosen(step, query, chosen);
    }

    protected override void ScoreMiddle(AttentionStep step, int first, int end, Span<float> scores) => _keys.Scores(step.Queries, first, end, scores, ScoreStride);

    protected override void SumMiddle(ReadOnlySpan<float> weights, int first, int end, Span<float> outputs) =>
        _values.AddWeighted(weights, ScoreStride, first, end, outputs);

    protected override void AddToMiddle(int first, ReadOnlySpan<float> keys, ReadOnlySpan<float> values)
    {
        _keys.Encode(first, keys);
        _values.Encode(first, values);
        _host.Write(first, keys, values);
    }

    /// <summary>Puts the chosen tokens' exact values, weighted by their exact scores, into one query's output, and takes their weight from the codes.</summary>
    private void AddChosen(AttentionStep step, int query, ReadOnlySpan<int> chosen)
    {
        ref float sum = ref SumsOf(step, query)[0];
        sum = 0;
        if (chosen.IsEmpty)
            return;
        Span<float> exact = _host.Room, weights = step.Scores.Slice((query * ScoreStride) + ScoresStart, Scored);
        _host.Scores(step.Queries.Slice(query * HeadDim, HeadDim), exact, chosen.Length);
        float largest = Softmax.Largest(LargestOf(step, query)), largestExact = TensorPrimitives.Max<float>(exact);
        if (largestExact > largest)
        {
            // An exact score may be any amount above all that the codes gave: weights are of the largest of both.
            TensorPrimitives.Multiply(weights, MathF.Exp(largest - largestExact), weights);
            largest = largestExact;
        }

        sum = Softmax.Weigh(exact, largest);
        foreach (int token in chosen)
            weights[SinkTokens + token] = 0;
        _host.AddWeighted(exact, chosen.Length, step.Outputs.Slice(query * HeadDim, HeadDim));
    }
}
