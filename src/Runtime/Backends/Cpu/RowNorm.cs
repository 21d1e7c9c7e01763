using System.Numerics.Tensors;
using TailorKV.Runtime.Backends.Cpu.Threads;

namespace TailorKV.Runtime.Backends.Cpu;

/// <summary>The root mean square norm of rows, after something has been added to them, some rows at a time.</summary>
/// <param name="rows">[count, width].</param>
/// <param name="addend">[count, width], added to the rows first; null for nothing.</param>
/// <param name="addendScale">What the addend is multiplied with.</param>
/// <param name="count">Rows.</param>
/// <param name="weight">[width].</param>
/// <param name="epsilon">Added to the mean square.</param>
/// <param name="normed">[count, width]; may be the rows themselves.</param>
internal readonly unsafe struct RowNorm(float* rows, float* addend, float addendScale, int count, float[] weight, float epsilon, float* normed) : IWork
{
    private readonly float* _rows = rows;
    private readonly float* _addend = addend;
    private readonly float _addendScale = addendScale;
    private readonly int _count = count;
    private readonly float[] _weight = weight;
    private readonly float _epsilon = epsilon;
    private readonly float* _normed = normed;

    /// <summary>How many parts there are.</summary>
    public int Parts => RowParts.Of(_count);

    /// <inheritdoc/>
    public void Run(int part) => Run(RowParts.Start(part), RowParts.End(part, _count));

    /// <summary>Norms all rows on the calling thread.</summary>
    public void RunAll() => Run(0, _count);

    private void Run(int start, int end)
    {
        int width = _weight.Length;
        for (nint row = start; row < end; row++)
        {
            var values = new Span<float>(_rows + (row * width), width);
            if (_addend is not null)
                RowSum.Add(values, new ReadOnlySpan<float>(_addend + (row * width), width), _addendScale);
            var scaled = new Span<float>(_normed + (row * width), width);
            float scale = 1 / MathF.Sqrt((TensorPrimitives.SumOfSquares<float>(values) / width) + _epsilon);
            TensorPrimitives.Multiply(values, scale, scaled);
            TensorPrimitives.Multiply(scaled, _weight, scaled);
        }
    }
}
