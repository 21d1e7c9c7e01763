using System.Runtime.InteropServices;
using TailorKV.Planner.Models;
using TailorKV.Runtime.Backends.Cpu.Kernels;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Numbers;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Exact;

/// <summary>
/// Uncoded keys or values of one KV head, [capacity, headDim]. A token's row lies at its position modulo the capacity, so the same class is a
/// growing list and a window that forgets.
/// </summary>
internal sealed class ExactRows : IRows
{
    private readonly int _capacity;
    private readonly int _headDim;
    private readonly NativeBuffer<float> _single;
    private readonly NativeBuffer<ushort> _brain;
    private readonly ExactPrecision _precision;
    private readonly RowKernel _kernel;

    // Rows whose bytes a span can have.
    private readonly int _mostRows;

    public ExactRows(Arena arena, int capacity, int headDim, ExactPrecision precision)
    {
        _capacity = capacity;
        _headDim = headDim;
        _precision = precision;
        _mostRows = int.MaxValue / (headDim * precision.Bytes());
        _kernel = precision == ExactPrecision.Float32 ? RowKernel.OfSingles(headDim, VectorWidth.Widest) : RowKernel.OfBrainFloats(headDim, VectorWidth.Widest);
        if (precision == ExactPrecision.Float32)
            _single = arena.Take<float>((long)capacity * headDim);
        else
            _brain = arena.Take<ushort>((long)capacity * headDim);
    }

    public void Write(int position, ReadOnlySpan<float> row)
    {
        long start = Start(position);
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
        long start = Start(position);
        if (_precision == ExactPrecision.Float32)
            _single.Slice(start, _headDim).CopyTo(row);
        else
            BrainFloat.Widen(_brain.Slice(start, _headDim), row);
    }

    /// <summary>Asks for a row that will be read soon, where the machine can be asked.</summary>
    public void Prefetch(int position) => Kernels.Prefetch.All(Bytes(position, 1));

    /// <summary>Reads rows of consecutive positions to [count, headDim].</summary>
    public void ReadRange(int position, Span<float> rows)
    {
        for (int start = 0; start < rows.Length; start += _headDim)
            Read(position++, rows.Slice(start, _headDim));
    }

    /// <summary>For each of the queries [n, headDim]: scores[query * stride + i] = query . row(from + i).</summary>
    public void Scores(ReadOnlySpan<float> queries, int from, int to, Span<float> scores, int stride)
    {
        for (int position = from, count; position < to; position += count)
        {
            count = Run(position, to);
            _kernel.Dots(Bytes(position, count), 0, _headDim, queries, scores[(position - from)..], stride);
        }
    }

    /// <summary>For each of the outputs [n, headDim]: output += weights[output * stride + i] * row(from + i).</summary>
    public void AddWeighted(ReadOnlySpan<float> weights, int stride, int from, int to, Span<float> outputs) =>
        AddWeighted(weights, stride, from, to, outputs.Length / _headDim, outputs, _headDim);

    /// <summary>The same for n outputs, each of which begins a stride after the one before.</summary>
    public void AddWeighted(ReadOnlySpan<float> weights, int stride, int from, int to, int n, Span<float> outputs, int outputStride)
    {
        for (int position = from, count; position < to; position += count)
        {
            count = Run(position, to);
            _kernel.AddWeighted(Bytes(position, count), 0, _headDim, weights[(position - from)..], stride, n, outputs, outputStride);
        }
    }

    /// <summary>Positions from one on whose rows follow each other, before the ring begins anew, and that one span can have.</summary>
    private int Run(int position, int to) => Math.Min(Math.Min(to - position, _capacity - (position % _capacity)), _mostRows);

    private long Start(int position) => (long)(position % _capacity) * _headDim;

    private ReadOnlySpan<byte> Bytes(int position, int count)
    {
        long start = Start(position);
        int length = count * _headDim;
        return _precision == ExactPrecision.Float32 ? MemoryMarshal.AsBytes(_single.Slice(start, length)) : MemoryMarshal.AsBytes(_brain.Slice(start, length));
    }
}
