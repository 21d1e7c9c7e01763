using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Runtime.Cache.Codes;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Cache.Heads;

/// <summary>The middle lies in codes, and every query sees all of it.</summary>
internal sealed class QuantizedHead : WindowedHead
{
    private readonly ICodes _keys;
    private readonly ICodes _values;

    public QuantizedHead(QuantizedPolicy policy, LayerShape layer, int context, Arena device)
        : base(policy, layer.HeadDim, device)
    {
        int middle = policy.MiddleTokens(context);
        _keys = CodeFactory.Create(policy.Keys, middle, layer.HeadDim, device);
        _values = CodeFactory.Create(policy.Values, middle, layer.HeadDim, device);
    }

    public override void Attend(ReadOnlySpan<float> queries, ReadOnlySpan<float> predicted, Span<float> outputs, Span<float> scores)
    {
        scores = scores[..(queries.Length / HeadDim * Tokens)];
        ScoreEnds(queries, scores, Tokens);
        _keys.Scores(queries, Middle, scores[SinkTokens..], Tokens);
        Softmax.Exponentials(scores, Tokens);
        outputs.Clear();
        AddEnds(scores, Tokens, outputs);
        _values.AddWeighted(scores[SinkTokens..], Tokens, Middle, outputs);
        Softmax.Divide(outputs, HeadDim, scores, Tokens);
    }

    protected override void AddToMiddle(int first, ReadOnlySpan<float> keys, ReadOnlySpan<float> values)
    {
        _keys.Encode(first, keys);
        _values.Encode(first, values);
    }
}
