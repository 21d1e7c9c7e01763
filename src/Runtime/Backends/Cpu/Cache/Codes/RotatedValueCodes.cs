using System.Numerics.Tensors;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Codes;

/// <summary>Codes of values turned by a Hadamard matrix: a weighted sum of turned values is turned back once.</summary>
internal sealed class RotatedValueCodes(IValueCodes inner, int headDim) : IValueCodes
{
    public void Encode(int firstToken, ReadOnlySpan<float> rows)
    {
        using Scratch<float> room = new(stackalloc float[Scratch<float>.Little], rows.Length);
        Span<float> turned = room.Span;
        rows.CopyTo(turned);
        Hadamard.Rotate(turned, headDim);
        inner.Encode(firstToken, turned);
    }

    public void AddWeighted(ReadOnlySpan<float> weights, ReadOnlySpan<float> largest, int stride, int from, int to, Span<float> outputs)
    {
        using Scratch<float> room = new(stackalloc float[Scratch<float>.Little], outputs.Length);
        Span<float> sums = room.Span;
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
