using System.Numerics.Tensors;
using TailorKV.Runtime.Threads;

namespace TailorKV.Runtime.Sessions;

/// <summary>silu(gate) * up, in up's place, some rows at a time. The gate is used up: a third buffer is not needed.</summary>
/// <param name="gate">[count, width].</param>
/// <param name="up">[count, width].</param>
/// <param name="count">Rows.</param>
/// <param name="width">Elements of a row.</param>
internal readonly unsafe struct GatedUnit(float* gate, float* up, int count, int width) : IWork
{
    private readonly float* _gate = gate;
    private readonly float* _up = up;
    private readonly int _count = count;
    private readonly int _width = width;

    /// <summary>How many parts there are.</summary>
    public int Parts => RowParts.Of(_count);

    /// <inheritdoc/>
    public void Run(int part)
    {
        int end = RowParts.End(part, _count);
        for (nint row = RowParts.Start(part); row < end; row++)
        {
            Span<float> gates = new(_gate + (row * _width), _width), ups = new(_up + (row * _width), _width);
            TensorPrimitives.Multiply(ups, gates, ups);
            TensorPrimitives.Sigmoid<float>(gates, gates);
            TensorPrimitives.Multiply(ups, gates, ups);
        }
    }
}
