using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace TailorKV.Runtime.Cache.Kernels;

/// <summary>
/// Dot products of queries in 16 bits with rows of levels in signed bytes, exact in 32 bits. One instruction makes sixteen products, and levels need only be widened, not
/// converted.
/// </summary>
internal static unsafe class IntegerDots
{
    private const int Together = 16;

    /// <summary>dots[query * stride + row] = sum over elements [start, end) of query * row.</summary>
    /// <param name="levels">[rows, length].</param>
    /// <param name="length">Elements of a row and of a query.</param>
    /// <param name="start">The first element that takes part.</param>
    /// <param name="end">The element after the last that does.</param>
    /// <param name="queries">[n, length].</param>
    /// <param name="dots">[n, stride].</param>
    /// <param name="stride">From one query's dots to the next's.</param>
    /// <param name="lanes">1 for the plain twin.</param>
    public static void Run(ReadOnlySpan<byte> levels, int length, int start, int end, ReadOnlySpan<short> queries, Span<int> dots, int stride, int lanes)
    {
        int count = levels.Length / length, n = queries.Length / length;
        ArgumentOutOfRangeException.ThrowIfGreaterThan(end, length);
        ArgumentOutOfRangeException.ThrowIfLessThan(dots.Length, ((n - 1) * stride) + count);
        if (count == 0)
            return;
        int whole = lanes == 1 ? start : end - ((end - start) % Together);
        fixed (byte* row = levels)
        fixed (short* query = queries)
        fixed (int* dot = dots)
        {
            // The sums of whole vectors take the place of what was there.
            if (whole == start)
                dots.Clear();
            var rows = new Rows((nint)row, length, count, start, whole);
            for (int done = 0, together; done < n && whole > start; done += together)
            {
                together = Math.Min(4, n - done);
                short* from = query + (done * length);
                int* to = dot + (done * stride);
                switch (together)
                {
                    case 1:
                        Run<ICount.One>(rows, from, length, to, stride);
                        break;
                    case 2:
                        Run<ICount.Two>(rows, from, length, to, stride);
                        break;
                    case 3:
                        Run<ICount.Three>(rows, from, length, to, stride);
                        break;
                    default:
                        Run<ICount.Four>(rows, from, length, to, stride);
                        break;
                }
            }

            if (whole < end)
                Add(rows with { Start = whole, End = end }, query, length, n, dot, stride);
        }
    }

    /// <summary>The plain twin, and the ends of rows.</summary>
    private static void Add(Rows rows, short* queries, int length, int n, int* dots, int stride)
    {
        for (int row = 0; row < rows.Count; row++)
        {
            for (int query = 0; query < n; query++)
            {
                int sum = 0;
                for (int i = rows.Start; i < rows.End; i++)
                    sum += queries[(query * length) + i] * (sbyte)rows.Row(row)[i];
                dots[(query * stride) + row] += sum;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Run<TQueries>(Rows rows, short* queries, nint length, int* dots, nint stride)
        where TQueries : struct, ICount
    {
        for (int first = 0; first < rows.Count; first += 4)
        {
            // Past the last row its sums are made again, and not stored.
            int last = rows.Count - 1;
            Pair<TQueries>(rows, rows.Row(first), rows.Row(Math.Min(first + 1, last)), queries, length, out Vector256<int> a0, out Vector256<int> a1, out Vector256<int> a2, out Vector256<int> a3);
            Pair<TQueries>(
                rows, rows.Row(Math.Min(first + 2, last)), rows.Row(Math.Min(first + 3, last)), queries, length, out Vector256<int> b0, out Vector256<int> b1, out Vector256<int> b2, out Vector256<int> b3);
            int count = rows.Count - first;
            int* dot = dots + first;
            Store(a0, b0, dot, count);
            if (TQueries.Value > 1)
                Store(a1, b1, dot + stride, count);
            if (TQueries.Value > 2)
                Store(a2, b2, dot + (2 * stride), count);
            if (TQueries.Value > 3)
                Store(a3, b3, dot + (3 * stride), count);
        }
    }

    /// <summary>Of each query the dots with two rows, in parts: those of the first row in the even places.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Pair<TQueries>(
        Rows rows, byte* row0, byte* row1, short* queries, nint length, out Vector256<int> q0, out Vector256<int> q1, out Vector256<int> q2, out Vector256<int> q3)
        where TQueries : struct, ICount
    {
        Vector256<int> s00 = default, s01 = default, s02 = default, s03 = default, s10 = default, s11 = default, s12 = default, s13 = default;
        for (nint i = rows.Start; i < rows.End; i += Together)
        {
            Vector256<short> first = Avx2.ConvertToVector256Int16((sbyte*)row0 + i), second = Avx2.ConvertToVector256Int16((sbyte*)row1 + i);
            Vector256<short> query = Vector256.Load(queries + i);
            s00 += Avx2.MultiplyAddAdjacent(first, query);
            s10 += Avx2.MultiplyAddAdjacent(second, query);
            if (TQueries.Value > 1)
            {
                query = Vector256.Load(queries + length + i);
                s01 += Avx2.MultiplyAddAdjacent(first, query);
                s11 += Avx2.MultiplyAddAdjacent(second, query);
            }

            if (TQueries.Value > 2)
            {
                query = Vector256.Load(queries + (2 * length) + i);
                s02 += Avx2.MultiplyAddAdjacent(first, query);
                s12 += Avx2.MultiplyAddAdjacent(second, query);
            }

            if (TQueries.Value > 3)
            {
                query = Vector256.Load(queries + (3 * length) + i);
                s03 += Avx2.MultiplyAddAdjacent(first, query);
                s13 += Avx2.MultiplyAddAdjacent(second, query);
            }
        }

        q0 = Avx2.UnpackLow(s00, s10) + Avx2.UnpackHigh(s00, s10);
        q1 = Avx2.UnpackLow(s01, s11) + Avx2.UnpackHigh(s01, s11);
        q2 = Avx2.UnpackLow(s02, s12) + Avx2.UnpackHigh(s02, s12);
        q3 = Avx2.UnpackLow(s03, s13) + Avx2.UnpackHigh(s03, s13);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector256<int> a, Vector256<int> b, int* dots, int count)
    {
        Vector256<int> halves = Avx2.UnpackLow(a.AsInt64(), b.AsInt64()).AsInt32() + Avx2.UnpackHigh(a.AsInt64(), b.AsInt64()).AsInt32();
        Vector128<int> sums = halves.GetLower() + halves.GetUpper();
        if (count >= 4)
        {
            sums.Store(dots);
            return;
        }

        for (int i = 0; i < count; i++)
            dots[i] = sums[i];
    }
}
