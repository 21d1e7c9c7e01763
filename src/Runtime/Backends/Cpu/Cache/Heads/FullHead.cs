using TailorKV.Planner.Policies;
using TailorKV.Runtime.Backends.Cpu.Cache.Exact;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Heads;

/// <summary>Everything uncoded on the device; with a sliding window, the window.</summary>
internal sealed class FullHead : HeadCache
{
    private readonly KeyTiles _keys;
    private readonly ValuePanels _values;
    private readonly int _capacity;

    public FullHead(FullPolicy policy, HeadRequest request)
        : base(request.Layer.HeadDim, request.SegmentTokens, blockTokens: 1)
    {
        _capacity = Math.Min(request.Context, request.Layer.SlidingWindow ?? request.Context);
        _keys = new KeyTiles(request.Device, _capacity, HeadDim, policy.Precision);
        _values = new ValuePanels(request.Device, _capacity, HeadDim, policy.Precision);
    }

    protected override int SegmentedTokens => Tokens - First;

    protected override int Scored => Tokens - First;

    private int First => Math.Max(0, Tokens - _capacity);

    protected override void Store(NativeBuffer<float> keys, NativeBuffer<float> values)
    {
        // Of what one span can have.
        const int Some = 1 << 20;
        for (int token = First, count; token < Tokens; token += count)
        {
            count = Math.Min(Some, Tokens - token);
            _keys.WriteRange(token, keys.Slice((long)token * HeadDim, count * HeadDim));
            _values.WriteRange(token, values.Slice((long)token * HeadDim, count * HeadDim));
        }
    }

    protected override void StoreNewest(ReadOnlySpan<float> key, ReadOnlySpan<float> value)
    {
        _keys.Write(Tokens - 1, key);
        _values.Write(Tokens - 1, value);
    }

    protected override void ScoreTokens(AttentionStep step, int first, int end, bool isFirst, bool isLast) =>
        _keys.Scores(step.Queries, First + first, First + end, step.Scores[first..], ScoreStride);

    protected override void SumTokens(AttentionStep step, Span<float> largest, int first, int end, bool isFirst, bool isLast, Span<float> outputs) =>
        _values.AddWeighted(step.Scores[first..], ScoreStride, First + first, First + end, outputs);
}
