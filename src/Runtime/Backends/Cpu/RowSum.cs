using System.Numerics.Tensors;
using TailorKV.Runtime.Backends.Cpu.Threads;

namespace TailorKV.Runtime.Backends.Cpu;

/// <summary>rows += scale * addend, some rows at a time.</summary>
/// <param name="rows">[count, width].</param>
/// <param name="addend">[count, width].</param>
/// <param name="scale">What the addend is multiplied with.</param>
/// <param name="count">Rows.</param>
/// <param name="width">Elements of a row.</param>
internal readonly unsafe struct RowSum(float* rows, float* addend, float scale, int count, int width) : IWork
{
    private readonly float* _rows = rows;
    private readonly float* _addend = addend;
    private readonly float _scale = scale;
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
        Add(values, new ReadOnlySpan<float>(_addend + start, length), _scale);
    }

    /// <summary>values += scale * addend.</summary>
    public static void Add(Span<float> values, ReadOnlySpan<float> addend, float scale)
    {
        if (scale == 1)
            TensorPrimitives.Add(values, addend, values);
        else
            TensorPrimitives.MultiplyAdd(addend, scale, values, values);
    }
}
