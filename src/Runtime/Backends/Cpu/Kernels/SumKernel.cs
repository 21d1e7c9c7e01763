using System.Runtime.CompilerServices;
using TailorKV.Runtime.Numbers;

namespace TailorKV.Runtime.Backends.Cpu.Kernels;

/// <summary>Weighted sums of rows for up to four queries: up to four vectors of each query's output stay in registers while the rows go by.</summary>
internal static unsafe class SumKernel<TElement, TLanes>
    where TElement : struct, IElement
    where TLanes : struct, ILanes<TLanes>
{
    /// <summary>outputs[query, i - start] += sum over rows of weights[query, row] * row's element i, over whole vectors of elements.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run<TQueries>(RowRange rows, float* weights, nint stride, float* outputs, nint outputStride)
        where TQueries : struct, ICount
    {
        nint start = rows.Start;
        for (; start <= rows.End - (4 * TLanes.Count); start += 4 * TLanes.Count)
            Run<TQueries, ICount.Four>(rows, start, weights, stride, outputs + start - rows.Start, outputStride);
        for (; start <= rows.End - (2 * TLanes.Count); start += 2 * TLanes.Count)
            Run<TQueries, ICount.Two>(rows, start, weights, stride, outputs + start - rows.Start, outputStride);
        for (; start < rows.End; start += TLanes.Count)
            Run<TQueries, ICount.One>(rows, start, weights, stride, outputs + start - rows.Start, outputStride);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Run<TQueries, TVectors>(RowRange rows, nint start, float* weights, nint stride, float* outputs, nint outputStride)
        where TQueries : struct, ICount
        where TVectors : struct, ICount
    {
        TLanes s00 = default, s01 = default, s02 = default, s03 = default, s10 = default, s11 = default, s12 = default, s13 = default;
        TLanes s20 = default, s21 = default, s22 = default, s23 = default, s30 = default, s31 = default, s32 = default, s33 = default;
        byte* at = rows.Row(0);
        for (int row = 0; row < rows.Count; row++, at += rows.Bytes, weights++)
        {
            // Of f32 the processor asks for what follows in time, and asking only gets in its way.
            if (TElement.Bytes < sizeof(float))
                Prefetch.Lines(at + (start * TElement.Bytes) + Prefetch.Ahead, TVectors.Value * TLanes.Count * TElement.Bytes);
            TLanes w0 = TLanes.Broadcast(weights[0]);
            TLanes w1 = TQueries.Value > 1 ? TLanes.Broadcast(weights[stride]) : w0;
            TLanes w2 = TQueries.Value > 2 ? TLanes.Broadcast(weights[2 * stride]) : w0;
            TLanes w3 = TQueries.Value > 3 ? TLanes.Broadcast(weights[3 * stride]) : w0;
            TLanes elements = default, second = default;
            if (TVectors.Value > 1)
                TElement.ReadPair(at, start, out elements, out second);
            else
                elements = TElement.Read<TLanes>(at, start);
            s00 = TLanes.MultiplyAdd(elements, w0, s00);
            if (TQueries.Value > 1)
                s10 = TLanes.MultiplyAdd(elements, w1, s10);
            if (TQueries.Value > 2)
                s20 = TLanes.MultiplyAdd(elements, w2, s20);
            if (TQueries.Value > 3)
                s30 = TLanes.MultiplyAdd(elements, w3, s30);

            if (TVectors.Value > 1)
            {
                s01 = TLanes.MultiplyAdd(second, w0, s01);
                if (TQueries.Value > 1)
                    s11 = TLanes.MultiplyAdd(second, w1, s11);
                if (TQueries.Value > 2)
                    s21 = TLanes.MultiplyAdd(second, w2, s21);
                if (TQueries.Value > 3)
                    s31 = TLanes.MultiplyAdd(second, w3, s31);
            }

            if (TVectors.Value > 2)
            {
                TElement.ReadPair(at, start + (2 * TLanes.Count), out elements, out second);
                s02 = TLanes.MultiplyAdd(elements, w0, s02);
                if (TQueries.Value > 1)
                    s12 = TLanes.MultiplyAdd(elements, w1, s12);
                if (TQueries.Value > 2)
                    s22 = TLanes.MultiplyAdd(elements, w2, s22);
                if (TQueries.Value > 3)
                    s32 = TLanes.MultiplyAdd(elements, w3, s32);

                s03 = TLanes.MultiplyAdd(second, w0, s03);
                if (TQueries.Value > 1)
                    s13 = TLanes.MultiplyAdd(second, w1, s13);
                if (TQueries.Value > 2)
                    s23 = TLanes.MultiplyAdd(second, w2, s23);
                if (TQueries.Value > 3)
                    s33 = TLanes.MultiplyAdd(second, w3, s33);
            }
        }

        Add<TVectors>(outputs, s00, s01, s02, s03);
        if (TQueries.Value > 1)
            Add<TVectors>(outputs + outputStride, s10, s11, s12, s13);
        if (TQueries.Value > 2)
            Add<TVectors>(outputs + (2 * outputStride), s20, s21, s22, s23);
        if (TQueries.Value > 3)
            Add<TVectors>(outputs + (3 * outputStride), s30, s31, s32, s33);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add<TVectors>(float* output, TLanes s0, TLanes s1, TLanes s2, TLanes s3)
        where TVectors : struct, ICount
    {
        if (TVectors.Value > 1)
            TElement.InOrder(ref s0, ref s1);
        if (TVectors.Value > 2)
            TElement.InOrder(ref s2, ref s3);
        Add(output, s0);
        if (TVectors.Value > 1)
            Add(output + TLanes.Count, s1);
        if (TVectors.Value > 2)
        {
            Add(output + (2 * TLanes.Count), s2);
            Add(output + (3 * TLanes.Count), s3);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(float* output, TLanes sums) => TLanes.MultiplyAdd(TLanes.Broadcast(1), TLanes.Load(output), sums).Store(output);
}
