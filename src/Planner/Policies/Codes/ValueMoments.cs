using System.Runtime.Intrinsics;

namespace TailorKV.Planner.Policies.Codes;

/// <summary>
/// The mean products of values' channels with each other, E v v', of one KV head: what the principal directions of its values follow from. Sums are in double precision, and in an order that is the same on every
/// machine.
/// </summary>
/// <param name="headDim">Channels.</param>
public sealed class ValueMoments(int headDim)
{
    // On and above the diagonal.
    private readonly double[] _sums = new double[headDim * headDim];
    private readonly double[] _row = new double[headDim];

    /// <summary>Values seen.</summary>
    public long Rows { get; private set; }

    /// <summary>Sees values.</summary>
    /// <param name="rows">[n, headDim].</param>
    public void Add(ReadOnlySpan<float> rows)
    {
        for (; !rows.IsEmpty; rows = rows[headDim..])
        {
            for (int i = 0; i < headDim; i++)
                _row[i] = rows[i];
            AddProducts(_row, _sums);
            Rows++;
        }
    }

    /// <summary>Sees values by the sums of their channels' products.</summary>
    /// <param name="products">Sum of v v', [headDim, headDim], of which what lies below the diagonal is not read.</param>
    /// <param name="rows">How many values.</param>
    public void Add(ReadOnlySpan<double> products, long rows)
    {
        for (int i = 0; i < _sums.Length; i++)
            _sums[i] += products[i];
        Rows += rows;
    }

    /// <summary>What they are: E v v' over the mean of its diagonal, each number rounded to fp16, [headDim, headDim]; zero where no value was seen that is not.</summary>
    public double[] Means()
    {
        double trace = 0;
        for (int i = 0; i < headDim; i++)
            trace += _sums[(i * headDim) + i];
        // No number is then above that of channels.
        double scale = trace > 0 && double.IsFinite(trace) ? headDim / trace : 0;
        var means = new double[_sums.Length];
        for (int i = 0; i < headDim && scale > 0; i++)
        {
            for (int j = i; j < headDim; j++)
                means[(i * headDim) + j] = means[(j * headDim) + i] = (double)(Half)(_sums[(i * headDim) + j] * scale);
        }

        return means;
    }

    private static void AddProducts(ReadOnlySpan<double> row, Span<double> sums)
    {
        for (int i = 0; i < row.Length; i++)
        {
            Span<double> to = sums.Slice(i * row.Length, row.Length);
            int j = i;
            for (; j <= row.Length - Vector256<double>.Count; j += Vector256<double>.Count)
                (Vector256.Create<double>(to[j..]) + (Vector256.Create(row[j..]) * row[i])).CopyTo(to[j..]);
            for (; j < row.Length; j++)
                to[j] += row[j] * row[i];
        }
    }
}
