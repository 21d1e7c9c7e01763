using TailorKV.Runtime.Numbers;

namespace TailorKV.Runtime.Backends.Cpu.Kernels;

/// <summary>The plain twin of <see cref="VectorKernel{TElement, TLanes}"/>: an element at a time. It does for machines without wide registers, and for the ends of rows.</summary>
internal sealed unsafe class PlainKernel<TElement>(int length, int rowBytes) : RowKernel(length, rowBytes)
    where TElement : struct, IElement
{
    protected override void Dots(RowRange rows, float* queries, int queryStride, int n, float* dots, int stride)
    {
        for (int query = 0; query < n; query++)
            new Span<float>(dots + ((nint)query * stride), rows.Count).Clear();
        AddDots(rows, queries, queryStride, n, dots, stride);
    }

    protected override void AddWeighted(RowRange rows, float* weights, int stride, int n, float* outputs, int outputStride) =>
        AddSums(rows, weights, stride, n, outputs, outputStride);

    /// <summary>dots[query, row] += query . row.</summary>
    internal static void AddDots(RowRange rows, float* queries, int queryStride, int n, float* dots, int stride)
    {
        for (int row = 0; row < rows.Count; row++)
        {
            for (int i = rows.Start; i < rows.End; i++)
            {
                float element = TElement.Read(rows.Row(row), i);
                for (int query = 0; query < n; query++)
                    dots[((nint)query * stride) + row] += queries[((nint)query * queryStride) + i] * element;
            }
        }
    }

    /// <summary>outputs[query, i - start] += sum over rows of weight * element.</summary>
    internal static void AddSums(RowRange rows, float* weights, int stride, int n, float* outputs, int outputStride)
    {
        for (int row = 0; row < rows.Count; row++)
        {
            for (int i = rows.Start; i < rows.End; i++)
            {
                float element = TElement.Read(rows.Row(row), i);
                for (int query = 0; query < n; query++)
                    outputs[((nint)query * outputStride) + i - rows.Start] += weights[((nint)query * stride) + row] * element;
            }
        }
    }
}
