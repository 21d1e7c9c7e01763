using TailorKV.Runtime.Numbers;

namespace TailorKV.Runtime.Backends.Cpu.Kernels;

/// <summary>Products with rows a vector of elements at a time, for as many queries at once as there are registers for.</summary>
internal sealed unsafe class VectorKernel<TElement, TLanes>(int length, int rowBytes) : RowKernel(length, rowBytes)
    where TElement : struct, IElement
    where TLanes : struct, ILanes<TLanes>
{
    protected override void Dots(RowRange rows, float* queries, int queryStride, int n, float* dots, int stride)
    {
        (RowRange whole, RowRange tail) = Split(rows);
        ICount.ForAll(n, TLanes.Queries, new DotWork(whole, queries, queryStride, dots, stride));
        if (tail.Start < tail.End)
            PlainKernel<TElement>.AddDots(tail, queries, queryStride, n, dots, stride);
    }

    protected override void AddWeighted(RowRange rows, float* weights, int stride, int n, float* outputs, int outputStride)
    {
        (RowRange whole, RowRange tail) = Split(rows);
        ICount.ForAll(n, TLanes.Queries, new SumWork(whole, weights, stride, outputs, outputStride));
        if (tail.Start < tail.End)
            PlainKernel<TElement>.AddSums(tail, weights, stride, n, outputs + tail.Start - rows.Start, outputStride);
    }

    /// <summary>The elements that make whole sixteens, whatever the width, and those left over.</summary>
    private static (RowRange Whole, RowRange Tail) Split(RowRange rows)
    {
        int end = rows.End - ((rows.End - rows.Start) % RowKernel.Block);
        return (rows with { End = end }, rows with { Start = end });
    }

    private readonly struct DotWork(RowRange rows, float* queries, nint queryStride, float* dots, nint stride) : ICountedWork
    {
        public void Run<TQueries>(int first)
            where TQueries : struct, ICount => DotKernel<TElement, TLanes>.Run<TQueries>(rows, queries + (first * queryStride), queryStride, dots + (first * stride), stride);
    }

    private readonly struct SumWork(RowRange rows, float* weights, nint stride, float* outputs, nint outputStride) : ICountedWork
    {
        public void Run<TQueries>(int first)
            where TQueries : struct, ICount => SumKernel<TElement, TLanes>.Run<TQueries>(rows, weights + (first * stride), stride, outputs + (first * outputStride), outputStride);
    }
}
