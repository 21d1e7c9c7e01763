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
        for (int done = 0, together; done < n; done += together)
        {
            together = ICount.Together(n - done, TLanes.Queries);
            float* query = queries + ((nint)done * queryStride), dot = dots + ((nint)done * stride);
            switch (together)
            {
                case 1:
                    DotKernel<TElement, TLanes>.Run<ICount.One>(whole, query, queryStride, dot, stride);
                    break;
                case 2:
                    DotKernel<TElement, TLanes>.Run<ICount.Two>(whole, query, queryStride, dot, stride);
                    break;
                case 3:
                    DotKernel<TElement, TLanes>.Run<ICount.Three>(whole, query, queryStride, dot, stride);
                    break;
                default:
                    DotKernel<TElement, TLanes>.Run<ICount.Four>(whole, query, queryStride, dot, stride);
                    break;
            }
        }

        if (tail.Start < tail.End)
            PlainKernel<TElement>.AddDots(tail, queries, queryStride, n, dots, stride);
    }

    protected override void AddWeighted(RowRange rows, float* weights, int stride, int n, float* outputs, int outputStride)
    {
        (RowRange whole, RowRange tail) = Split(rows);
        for (int done = 0, together; done < n; done += together)
        {
            together = ICount.Together(n - done, TLanes.Queries);
            float* weight = weights + ((nint)done * stride), output = outputs + ((nint)done * outputStride);
            switch (together)
            {
                case 1:
                    SumKernel<TElement, TLanes>.Run<ICount.One>(whole, weight, stride, output, outputStride);
                    break;
                case 2:
                    SumKernel<TElement, TLanes>.Run<ICount.Two>(whole, weight, stride, output, outputStride);
                    break;
                case 3:
                    SumKernel<TElement, TLanes>.Run<ICount.Three>(whole, weight, stride, output, outputStride);
                    break;
                default:
                    SumKernel<TElement, TLanes>.Run<ICount.Four>(whole, weight, stride, output, outputStride);
                    break;
            }
        }

        if (tail.Start < tail.End)
            PlainKernel<TElement>.AddSums(tail, weights, stride, n, outputs + tail.Start - rows.Start, outputStride);
    }

    /// <summary>The elements that make whole sixteens, whatever the width, and those left over.</summary>
    private static (RowRange Whole, RowRange Tail) Split(RowRange rows)
    {
        int end = rows.End - ((rows.End - rows.Start) % RowKernel.Block);
        return (rows with { End = end }, rows with { Start = end });
    }
}
