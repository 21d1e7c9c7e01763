using TailorKV.Planner.Policies;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Cache;

/// <summary>Scores by low-bit codes of the keys.</summary>
internal sealed class CodedKeyIndex(CodedKeys index, int headDim, int capacity, Arena device) : IKeyIndex
{
    private readonly PerChannelCodes _codes = new(device, capacity, headDim, index.Bits, index.Group);

    public void Clear()
    {
    }

    public void Add(int firstToken, ReadOnlySpan<float> rows) => _codes.Encode(firstToken, rows);

    public void Scores(ReadOnlySpan<float> queries, ReadOnlySpan<float> predicted, Span<float> scores, int tokens) =>
        _codes.Scores(queries, tokens, scores, tokens);
}
