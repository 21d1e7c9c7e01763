using TailorKV.Runtime.Backends.Cpu.Cache.Codes;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Indexes;

/// <summary>Scores by low-bit codes of the keys.</summary>
internal sealed class CodedKeyIndex(IKeyCodes codes) : IKeyIndex
{
    public void Clear()
    {
    }

    public void Add(int firstToken, ReadOnlySpan<float> rows) => codes.Encode(firstToken, rows);

    public void Prepare(ReadOnlySpan<float> queries, ReadOnlySpan<float> predicted) => codes.Prepare(queries);

    public void Scores(int from, int to, Span<float> scores, int stride) => codes.Scores(from, to, scores, stride);
}
