using TailorKV.Planner.Policies;
using TailorKV.Runtime.Backends.Cpu.Cache.Codes;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Heads;

/// <summary>The middle lies in codes, and every query sees all of it.</summary>
internal sealed class QuantizedHead : WindowedHead
{
    private readonly IKeyCodes _keys;
    private readonly IValueCodes _values;

    public QuantizedHead(QuantizedPolicy policy, HeadRequest request)
        : base(policy, request)
    {
        int middle = policy.MiddleTokens(request.Context);
        _keys = request.Keys(policy.Keys, middle);
        _values = request.Values(policy.Values, middle);
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
    }
}
