using System.Numerics.Tensors;

namespace TailorKV.Runtime.Cache.Codes;

/// <summary>Codes of values turned by a Hadamard matrix: a weighted sum of turned values is turned back once.</summary>
internal sealed class RotatedValueCodes(IValueCodes inner, int headDim) : IValueCodes
{
    public void Encode(int firstToken, ReadOnlySpan<float> rows)
    {
        Span<float> turned = stackalloc float[rows.Length];
        rows.CopyTo(turned);
        Hadamard.Rotate(turned, headDim);
        inner.Encode(firstToken, turned);
    }

    public void AddWeighted(ReadOnlySpan<float> weights, ReadOnlySpan<float> largest, int stride, int from, int to, Span<float> outputs)
    {
        Span<float> sums = stackalloc float[outputs.Length];
        sums.Clear();
        inner.AddWeighted(weights, largest, stride, from, to, sums);
        Hadamard.Rotate(sums, headDim);
        TensorPrimitives.Add(outputs, sums, outputs);
    }

    public void Decode(int token, Span<float> row)
    {
        inner.Decode(token, row);
        Hadamard.Rotate(row, headDim);
    }
}
