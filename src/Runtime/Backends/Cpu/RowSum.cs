using System.Numerics.Tensors;
using TailorKV.Runtime.Backends.Cpu.Threads;

namespace TailorKV.Runtime.Backends.Cpu;

/// <summary>rows += addend, some rows at a time.</summary>
/// <param name="rows">[count, width].</param>
/// <param name="addend">[count, width].</param>
/// <param name="count">Rows.</param>
/// <param name="width">Elements of a row.</param>
internal readonly unsafe struct RowSum(float* rows, float* addend, int count, int width) : IWork
{
    private readonly float* _rows = rows;
    private readonly float* _addend = addend;
    private readonly int _count = count;
    private readonly int _width = width;

    /// <summary>How many parts there are.</summary>
    public int Parts => RowParts.Of(_count);

    /// <inheritdoc/>
    public void Run(int part)
    {
        nint start = (nint)RowParts.Start(part) * _width;
        int length = (RowParts.End(part, _count) - RowParts.Start(part)) * _width;
        var values = new Span<float>(_rows + start, length);
        TensorPrimitives.Add(values, new ReadOnlySpan<float>(_addend + start, length), values);
    }
}
