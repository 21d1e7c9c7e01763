using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using TailorKV.Runtime.Numbers;

namespace TailorKV.Runtime.Backends.Cpu.Kernels;

/// <summary>
/// Dot products of up to four queries with rows. Four rows go together: what a row holds is read once for all queries, and the sums of four running sums cost
/// little more than that of one.
/// </summary>
internal static unsafe class DotKernel<TElement, TLanes>
    where TElement : struct, IElement
    where TLanes : struct, ILanes<TLanes>
{
    /// <summary>dots[query, row] = query . row, over whole vectors of elements.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run<TQueries>(RowRange rows, float* queries, nint queryStride, float* dots, nint stride)
        where TQueries : struct, ICount
    {
        // Made here, for the compiler leaves them in the loop.
        float* query1 = queries + queryStride, query2 = queries + (2 * queryStride), query3 = queries + (3 * queryStride);
        nint start = rows.Start, end = rows.End;
        for (int first = 0; first < rows.Count; first += 4)
        {
            // Past the last row its sums are made again, and not stored.
            int last = rows.Count - 1;
            byte* row0 = rows.Row(first), row1 = rows.Row(Math.Min(first + 1, last)), row2 = rows.Row(Math.Min(first + 2, last)), row3 = rows.Row(Math.Min(first + 3, last));
            TLanes s00 = default, s01 = default, s02 = default, s03 = default, s10 = default, s11 = default, s12 = default, s13 = default;
            TLanes s20 = default, s21 = default, s22 = default, s23 = default, s30 = default, s31 = default, s32 = default, s33 = default;
            byte* ahead = row0 + Prefetch.Ahead;
            for (nint i = start; i < end; i += TLanes.Count)
            {
                ahead = Prefetch.Lines(ahead, 4 * TLanes.Count * TElement.Bytes);
                TLanes q0 = TLanes.Load(queries + i);
                TLanes q1 = TQueries.Value > 1 ? TLanes.Load(query1 + i) : q0;
                TLanes q2 = TQueries.Value > 2 ? TLanes.Load(query2 + i) : q0;
                TLanes q3 = TQueries.Value > 3 ? TLanes.Load(query3 + i) : q0;

                TLanes row = TElement.Read<TLanes>(row0, i);
                s00 = TLanes.MultiplyAdd(row, q0, s00);
                if (TQueries.Value > 1)
                    s01 = TLanes.MultiplyAdd(row, q1, s01);
                if (TQueries.Value > 2)
                    s02 = TLanes.MultiplyAdd(row, q2, s02);
                if (TQueries.Value > 3)
                    s03 = TLanes.MultiplyAdd(row, q3, s03);

                row = TElement.Read<TLanes>(row1, i);
                s10 = TLanes.MultiplyAdd(row, q0, s10);
                if (TQueries.Value > 1)
                    s11 = TLanes.MultiplyAdd(row, q1, s11);
                if (TQueries.Value > 2)
                    s12 = TLanes.MultiplyAdd(row, q2, s12);
                if (TQueries.Value > 3)
                    s13 = TLanes.MultiplyAdd(row, q3, s13);

                row = TElement.Read<TLanes>(row2, i);
                s20 = TLanes.MultiplyAdd(row, q0, s20);
                if (TQueries.Value > 1)
                    s21 = TLanes.MultiplyAdd(row, q1, s21);
                if (TQueries.Value > 2)
                    s22 = TLanes.MultiplyAdd(row, q2, s22);
                if (TQueries.Value > 3)
                    s23 = TLanes.MultiplyAdd(row, q3, s23);

                row = TElement.Read<TLanes>(row3, i);
                s30 = TLanes.MultiplyAdd(row, q0, s30);
                if (TQueries.Value > 1)
                    s31 = TLanes.MultiplyAdd(row, q1, s31);
                if (TQueries.Value > 2)
                    s32 = TLanes.MultiplyAdd(row, q2, s32);
                if (TQueries.Value > 3)
                    s33 = TLanes.MultiplyAdd(row, q3, s33);
            }

            int count = rows.Count - first;
            float* dot = dots + first;
            Store(TLanes.Sums(s00, s10, s20, s30), dot, count);
            if (TQueries.Value > 1)
                Store(TLanes.Sums(s01, s11, s21, s31), dot + stride, count);
            if (TQueries.Value > 2)
                Store(TLanes.Sums(s02, s12, s22, s32), dot + (2 * stride), count);
            if (TQueries.Value > 3)
                Store(TLanes.Sums(s03, s13, s23, s33), dot + (3 * stride), count);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector128<float> sums, float* dots, int count)
    {
        if (count >= 4)
        {
            sums.Store(dots);
            return;
        }

        for (int i = 0; i < count; i++)
            dots[i] = sums[i];
    }
}
