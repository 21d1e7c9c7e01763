using System.Numerics.Tensors;

namespace TailorKV.Runtime.Cache.Codes;

/// <summary>
/// Codes of rows turned by a Hadamard matrix. Turning keeps dot products, so the query is turned once a step in place of every key, and a weighted sum
/// of turned values is turned back once.
/// </summary>
internal sealed class RotatedCodes(ICodes inner, int headDim) : ICodes
{
    public void Encode(int firstToken, ReadOnlySpan<float> rows)
    {
        Span<float> turned = stackalloc float[rows.Length];
        rows.CopyTo(turned);
        Hadamard.Rotate(turned, headDim);
        inner.Encode(firstToken, turned);
    }

    public void Scores(ReadOnlySpan<float> queries, int from, int to, Span<float> scores, int stride)
    {
        Span<float> turned = stackalloc float[queries.Length];
        queries.CopyTo(turned);
        Hadamard.Rotate(turned, headDim);
        inner.Scores(turned, from, to, scores, stride);
    }

    public void AddWeighted(ReadOnlySpan<float> weights, int stride, int from, int to, Span<float> outputs)
    {
        Span<float> sums = stackalloc float[outputs.Length];
        sums.Clear();
        inner.AddWeighted(weights, stride, from, to, sums);
        Hadamard.Rotate(sums, headDim);
        TensorPrimitives.Add(outputs, sums, outputs);
    }

    public void Decode(int token, Span<float> row)
    {
        inner.Decode(token, row);
        Hadamard.Rotate(row, headDim);
    }
}
