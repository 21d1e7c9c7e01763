using TailorKV.Runtime.Numbers;

namespace TailorKV.Runtime.Backends.Cpu.Kernels;

/// <summary>Products with rows of stored elements, read as they lie and never written out decoded; rows follow each other without a gap.</summary>
internal abstract unsafe class RowKernel
{
    /// <summary>Elements of which each format has whole ones read together.</summary>
    internal const int Block = 16;

    /// <summary>A kernel for rows of one kind.</summary>
    /// <param name="length">Elements of a row.</param>
    /// <param name="rowBytes">Bytes of a row.</param>
    protected RowKernel(int length, int rowBytes) => (Length, RowBytes) = (length, rowBytes);

    /// <summary>Elements of a row.</summary>
    public int Length { get; }

    /// <summary>Bytes from one row to the next.</summary>
    public int RowBytes { get; }

    /// <summary>A kernel for rows in bfloat16.</summary>
    public static RowKernel OfBrainFloats(int length, int lanes) => Create<BrainFloat>(length, length * sizeof(ushort), lanes);

    /// <summary>A kernel for rows in half precision.</summary>
    public static RowKernel OfHalfFloats(int length, int lanes) => Create<HalfFloat>(length, length * sizeof(ushort), lanes);

    /// <summary>A kernel for rows in f32.</summary>
    public static RowKernel OfSingles(int length, int lanes) => Create<SingleFloat>(length, length * sizeof(float), lanes);

    /// <summary>dots[query * stride + row] = sum over elements [start, end) of query * row.</summary>
    /// <param name="rows">Whole rows.</param>
    /// <param name="start">The first element that takes part, a multiple of 16.</param>
    /// <param name="end">The element after the last that does.</param>
    /// <param name="queries">[n, length of a row].</param>
    /// <param name="dots">[n, stride].</param>
    /// <param name="stride">From one query's dots to the next's.</param>
    public void Dots(ReadOnlySpan<byte> rows, int start, int end, ReadOnlySpan<float> queries, Span<float> dots, int stride)
    {
        int count = rows.Length / RowBytes, n = queries.Length / Length;
        if (count == 0 || n == 0)
            return;
        CheckRange(start, end);
        ArgumentOutOfRangeException.ThrowIfLessThan(dots.Length, ((n - 1) * stride) + count);
        fixed (byte* first = rows)
        fixed (float* query = queries, dot = dots)
            Dots(Of(first, count, start, end), query, Length, n, dot, stride);
    }

    /// <summary>The same over whole rows, unchecked.</summary>
    public void Dots(byte* rows, int count, float* queries, int n, float* dots, int stride) => Dots(Of(rows, count, 0, Length), queries, Length, n, dots, stride);

    /// <summary>outputs[query * outputStride + i - start] += sum over rows of weights[query * stride + row] * row's element i, for i in [start, end).</summary>
    /// <param name="rows">Whole rows.</param>
    /// <param name="start">The first element that takes part, a multiple of 16.</param>
    /// <param name="end">The element after the last that does.</param>
    /// <param name="weights">[n, stride].</param>
    /// <param name="stride">From one query's weights to the next's.</param>
    /// <param name="n">Queries.</param>
    /// <param name="outputs">[n, outputStride].</param>
    /// <param name="outputStride">From one query's outputs to the next's.</param>
    public void AddWeighted(
        ReadOnlySpan<byte> rows, int start, int end, ReadOnlySpan<float> weights, int stride, int n, Span<float> outputs, int outputStride)
    {
        int count = rows.Length / RowBytes;
        if (count == 0 || n == 0)
            return;
        CheckRange(start, end);
        ArgumentOutOfRangeException.ThrowIfLessThan(weights.Length, ((n - 1) * stride) + count);
        ArgumentOutOfRangeException.ThrowIfLessThan(outputs.Length, ((n - 1) * outputStride) + end - start);
        fixed (byte* first = rows)
        fixed (float* weight = weights, output = outputs)
            AddWeighted(Of(first, count, start, end), weight, stride, n, output, outputStride);
    }

    protected abstract void Dots(RowRange rows, float* queries, int queryStride, int n, float* dots, int stride);

    protected abstract void AddWeighted(RowRange rows, float* weights, int stride, int n, float* outputs, int outputStride);

    private static RowKernel Create<TElement>(int length, int rowBytes, int lanes)
        where TElement : struct, IElement => lanes switch
        {
            16 => new VectorKernel<TElement, Lanes512>(length, rowBytes),
            8 => new VectorKernel<TElement, Lanes256>(length, rowBytes),
            _ => new PlainKernel<TElement>(length, rowBytes),
        };

    private RowRange Of(byte* first, int count, int start, int end) => new((nint)first, RowBytes, count, start, end);

    private void CheckRange(int start, int end)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfNotEqual(start % Block, 0, nameof(start));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(end, Length);
    }
}
