using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Cache.Heads;

/// <summary>Everything uncoded on the device; with a sliding window, the window.</summary>
internal sealed class FullHead : HeadCache
{
    private readonly ExactRows _keys;
    private readonly ExactRows _values;
    private readonly int _capacity;

    public FullHead(FullPolicy policy, LayerShape layer, int context, int segmentTokens, Arena device)
        : base(layer.HeadDim, segmentTokens)
    {
        _capacity = Math.Min(context, layer.SlidingWindow ?? context);
        _keys = new ExactRows(device, _capacity, HeadDim, policy.Precision);
        _values = new ExactRows(device, _capacity, HeadDim, policy.Precision);
    }

    protected override int DivisibleTokens => Tokens - First;

    protected override int ScoreStride => Tokens - First;

    private int First => Math.Max(0, Tokens - _capacity);

    public override void Load(ReadOnlySpan<float> keys, ReadOnlySpan<float> values, int tokens)
    {
        int first = Math.Max(0, tokens - _capacity);
        _keys.WriteRange(first, keys[(first * HeadDim)..(tokens * HeadDim)]);
        _values.WriteRange(first, values[(first * HeadDim)..(tokens * HeadDim)]);
        Tokens = tokens;
    }

    public override void Append(ReadOnlySpan<float> key, ReadOnlySpan<float> value)
    {
        _keys.Write(Tokens, key);
        _values.Write(Tokens, value);
        Tokens++;
    }

    protected override void ScoreTokens(AttentionStep step, int first, int end, bool isFirst, bool isLast) =>
        _keys.Scores(step.Queries, First + first, First + end, step.Scores[first..], ScoreStride);

    protected override void SumTokens(AttentionStep step, int first, int end, bool isFirst, bool isLast, Span<float> outputs) =>
        _values.AddWeighted(step.Scores[first..], ScoreStride, First + first, First + end, outputs);
}
