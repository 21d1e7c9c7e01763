using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Codes;

/// <summary>Codes of keys turned by a Hadamard matrix. Turning keeps dot products, so the query is turned once a step in place of every key.</summary>
internal sealed class RotatedKeyCodes(IKeyCodes inner, int headDim) : IKeyCodes
{
    public void Encode(int firstToken, ReadOnlySpan<float> rows)
    {
        using Scratch<float> room = new(stackalloc float[Scratch<float>.Little], rows.Length);
        Span<float> turned = room.Span;
        rows.CopyTo(turned);
        Hadamard.Rotate(turned, headDim);
        inner.Encode(firstToken, turned);
    }

    public void Prepare(ReadOnlySpan<float> queries)
    {
        using Scratch<float> room = new(stackalloc float[Scratch<float>.Little], queries.Length);
        Span<float> turned = room.Span;
        queries.CopyTo(turned);
        Hadamard.Rotate(turned, headDim);
        inner.Prepare(turned);
    }

    public void Scores(int from, int to, Span<float> scores, int stride) => inner.Scores(from, to, scores, stride);

    public void Decode(int token, Span<float> row)
    {
        inner.Decode(token, row);
        Hadamard.Rotate(row, headDim);
    }
}
