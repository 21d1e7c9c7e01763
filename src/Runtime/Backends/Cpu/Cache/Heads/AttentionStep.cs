using TailorKV.Runtime.Numbers;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Heads;

/// <summary>What one KV head attends with and to, from the newest token.</summary>
/// <param name="queries">[group, headDim]: the query heads that share this KV head, scaled.</param>
/// <param name="predicted">The same, predicted from the layer before; empty unless the policy's index asks for it.</param>
/// <param name="outputs">[group, headDim].</param>
/// <param name="scores">Room for group rows of scores, as long as <see cref="HeadCache"/> makes them.</param>
/// <param name="largest">[group, segments]: the largest score of each segment.</param>
/// <param name="sums">[group, segments]: the sum of each segment's weights.</param>
/// <param name="softCap">The <see cref="SoftCap"/> of scores, or null.</param>
internal readonly ref struct AttentionStep(
    ReadOnlySpan<float> queries, ReadOnlySpan<float> predicted, Span<float> outputs, Span<float> scores, Span<float> largest, Span<float> sums, float? softCap)
{
    public ReadOnlySpan<float> Queries { get; } = queries;

    public ReadOnlySpan<float> Predicted { get; } = predicted;

    public Span<float> Outputs { get; } = outputs;

    public Span<float> Scores { get; } = scores;

    public Span<float> Largest { get; } = largest;

    public Span<float> Sums { get; } = sums;

    /// <summary>Caps scores that have been worked out, where the model does.</summary>
    public void Cap(Span<float> numbers)
    {
        if (softCap is { } cap)
            SoftCap.Apply(numbers, cap);
    }
}
