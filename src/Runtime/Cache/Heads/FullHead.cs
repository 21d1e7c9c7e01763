using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Cache.Heads;

/// <summary>Everything uncoded on the device; with a sliding window, the window.</summary>
internal sealed class FullHead : HeadCache
{
    private readonly ExactRows _keys;
    private readonly ExactRows _values;
    private readonly int _headDim;
    private readonly int _capacity;

    public FullHead(FullPolicy policy, LayerShape layer, int context, Arena device)
    {
        _headDim = layer.HeadDim;
        _capacity = Math.Min(context, layer.SlidingWindow ?? context);
        _keys = new ExactRows(device, _capacity, _headDim, policy.Precision);
        _values = new ExactRows(device, _capacity, _headDim, policy.Precision);
    }

    public override void Load(ReadOnlySpan<float> keys, ReadOnlySpan<float> values, int tokens)
    {
        int first = Math.Max(0, tokens - _capacity);
        _keys.WriteRange(first, keys[(first * _headDim)..(tokens * _headDim)]);
        _values.WriteRange(first, values[(first * _headDim)..(tokens * _headDim)]);
        Tokens = tokens;
    }

    public override void Append(ReadOnlySpan<float> key, ReadOnlySpan<float> value)
    {
        _keys.Write(Tokens, key);
        _values.Write(Tokens, value);
        Tokens++;
    }

    public override void Attend(ReadOnlySpan<float> queries, ReadOnlySpan<float> predicted, Span<float> outputs, Span<float> scores)
    {
        int first = Math.Max(0, Tokens - _capacity);
        int count = Tokens - first;
        scores = scores[..(queries.Length / _headDim * count)];
        _keys.Scores(queries, first, Tokens, scores, count);
        Softmax.Exponentials(scores, count);
        outputs.Clear();
        _values.AddWeighted(scores, count, first, Tokens, outputs);
        Softmax.Divide(outputs, _headDim, scores, count);
    }
}
