using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using TailorKV.Planner.Models;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Cache;

/// <summary>
/// Uncoded keys or values of one KV head, [capacity, headDim]. A token's row lies at its position modulo the capacity, so the same class is a
/// growing list and a window that forgets.
/// </summary>
internal sealed class ExactRows
{
    private readonly int _capacity;
    private readonly int _headDim;
    private readonly NativeBuffer<float> _single;
    private readonly NativeBuffer<ushort> _brain;
    private readonly ExactPrecision _precision;

    public ExactRows(Arena arena, int capacity, int headDim, ExactPrecision precision)
    {
        _capacity = capacity;
        _headDim = headDim;
        _precision = precision;
        if (precision == ExactPrecision.Float32)
            _single = arena.Take<float>((long)capacity * headDim);
        else
            _brain = arena.Take<ushort>((long)capacity * headDim);
    }

    public void Write(int position, ReadOnlySpan<float> row)
    {
        int start = position % _capacity * _headDim;
        if (_precision == ExactPrecision.Float32)
            row.CopyTo(_single.Slice(start, _headDim));
        else
            BrainFloat.Narrow(row, _brain.Slice(start, _headDim));
    }

    /// <summary>Writes rows of consecutive positions from [count, headDim].</summary>
    public void WriteRange(int position, ReadOnlySpan<float> rows)
    {
        for (int start = 0; start < rows.Length; start += _headDim)
            Write(position++, rows.Slice(start, _headDim));
    }

    public void Read(int position, Span<float> row)
    {
        int start = position % _capacity * _headDim;
        if (_precision == ExactPrecision.Float32)
            _single.Slice(start, _headDim).CopyTo(row);
        else
            BrainFloat.Widen(_brain.Slice(start, _headDim), row);
    }

    /// <summary>Reads rows of consecutive positions to [count, headDim].</summary>
    public void ReadRange(int position, Span<float> rows)
    {
        for (int start = 0; start < rows.Length; start += _headDim)
            Read(position++, rows.Slice(start, _headDim));
    }

    /// <summary>For each of the queries [n, headDim]: scores[query * stride + i] = query . row(from + i).</summary>
    public void Scores(ReadOnlySpan<float> queries, int from, int to, Span<float> scores, int stride)
    {
        Span<float> row = stackalloc float[_headDim];
        for (int position = from; position < to; position++)
        {
            Read(position, row);
            for (int query = 0, start = 0; start < queries.Length; query++, start += _headDim)
                scores[(query * stride) + position - from] = TensorPrimitives.Dot(queries.Slice(start, _headDim), row);
        }
    }

    /// <summary>For each of the outputs [n, headDim]: output += weights[output * stride + i] * row(from + i).</summary>
    public void AddWeighted(ReadOnlySpan<float> weights, int stride, int from, int to, Span<float> outputs)
    {
        Span<float> row = stackalloc float[_headDim];
        for (int position = from; position < to; position++)
        {
            Read(position, row);
            for (int query = 0, start = 0; start < outputs.Length; query++, start += _headDim)
            {
                Span<float> output = outputs.Slice(start, _headDim);
                TensorPrimitives.MultiplyAdd(row, weights[(query * stride) + position - from], output, output);
            }
        }
    }
}
