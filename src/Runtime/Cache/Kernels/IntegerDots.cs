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

    /// <summary>scores[query * stride + row] += (sum over elements [start, end) of query * row) * (scales[row] * steps[query]).</summary>
    /// <param name="levels">[rows, length].</param>
    /// <param name="length">Elements of a row and of a query.</param>
    /// <param name="start">The first element that takes part.</param>
    /// <param name="end">The element after the last that does.</param>
    /// <param name="queries">[n, length], few and small enough for 32 bits to hold a sum.</param>
    /// <param name="steps">What one stands for in each query, [n].</param>
    /// <param name="scales">What one stands for in each row, [rows].</param>
    /// <param name="scores">[n, stride].</param>
    /// <param name="stride">From one query's scores to the next's.</param>
    /// <param name="lanes">1 for the plain twin.</param>
    public static void AddScaled(
        ReadOnlySpan<byte> levels, int length, int start, int end, ReadOnlySpan<short> queries, ReadOnlySpan<float> steps, ReadOnlySpan<float> scales, Span<float> scores, int stride,
        int lanes)
    {
        int count = levels.Length / length, n = queries.Length / length;
        ArgumentOutOfRangeException.ThrowIfGreaterThan(end, length);
        ArgumentOutOfRangeException.ThrowIfLessThan(scales.Length, count);
        ArgumentOutOfRangeException.ThrowIfLessThan(steps.Length, n);
        if (count == 0)
            return;
        ArgumentOutOfRangeException.ThrowIfLessThan(scores.Length, ((n - 1) * stride) + count);
        fixed (byte* row = levels)
        fixed (short* query = queries)
        fixed (float* step = steps, scale = scales, score = scores)
        {
            int whole = lanes == 1 ? start : end - ((end - start) % Together);
            var rows = new Rows((nint)row, length, count, start, whole);
            for (int done = 0, together; done < n && start < whole; done += together)
            {
                together = Math.Min(4, n - done);
                short* from = query + (done * length);
                float* to = score + ((nint)done * stride);
                switch (together)
                {
                    case 1:
                        Run<ICount.One>(rows, from, step + done, scale, to, stride);
                        break;
                    case 2:
                        Run<ICount.Two>(rows, from, step + done, scale, to, stride);
                        break;
                    case 3:
                        Run<ICount.Three>(rows, from, step + done, scale, to, stride);
                        break;
                    default:
                        Run<ICount.Four>(rows, from, step + done, scale, to, stride);
                        break;
                }
            }

            rows = rows with { Start = whole, End = end };
            for (int i = 0; i < n && whole < end; i++)
                AddPlainly(rows, query + (i * length), step[i], scale, score + ((nint)i * stride));
        }
    }

    /// <summary>The plain twin, and the ends of rows.</summary>
    private static void AddPlainly(Rows rows, short* query, float step, float* scales, float* scores)
    {
        for (int row = 0; row < rows.Count; row++)
        {
            int dot = 0;
            for (int i = rows.Start; i < rows.End; i++)
                dot += query[i] * (sbyte)rows.Row(row)[i];
            scores[row] += dot * (scales[row] * step);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Run<TQueries>(Rows rows, short* queries, float* steps, float* scales, float* scores, nint stride)
        where TQueries : struct, ICount
    {
        nint length = rows.Bytes, start = rows.Start, end = rows.End;
        sbyte* at = (sbyte*)rows.Row(0);
        int row = 0;
        for (; row <= rows.Count - 8; row += 8, at += 8 * length)
        {
            Four<TQueries>(at, length, start, end, queries, out Vector256<int> a0, out Vector256<int> a1, out Vector256<int> a2, out Vector256<int> a3);
            Four<TQueries>(at + (4 * length), length, start, end, queries, out Vector256<int> b0, out Vector256<int> b1, out Vector256<int> b2, out Vector256<int> b3);
            Vector256<float> scale = Vector256.Load(scales + row);
            AddScaled(a0, b0, scale, steps[0], scores + row);
            if (TQueries.Value > 1)
                AddScaled(a1, b1, scale, steps[1], scores + stride + row);
            if (TQueries.Value > 2)
                AddScaled(a2, b2, scale, steps[2], scores + (2 * stride) + row);
            if (TQueries.Value > 3)
                AddScaled(a3, b3, scale, steps[3], scores + (3 * stride) + row);
        }

        for (; row < rows.Count; row++, at += length)
        {
            for (int query = 0; query < TQueries.Value; query++)
                scores[(query * stride) + row] += One(at, start, end, queries + (query * length)) * (scales[row] * steps[query]);
        }
    }

    /// <summary>Of each query the dots with four rows, each in two parts: [0, 1, 2, 3] of some elements and of the others.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Four<TQueries>(
        sbyte* rows, nint length, nint start, nint end, short* queries, out Vector256<int> q0, out Vector256<int> q1, out Vector256<int> q2, out Vector256<int> q3)
        where TQueries : struct, ICount
    {
        Two<TQueries>(rows, length, start, end, queries, out Vector256<int> a0, out Vector256<int> a1, out Vector256<int> a2, out Vector256<int> a3);
        Two<TQueries>(rows + (2 * length), length, start, end, queries, out Vector256<int> b0, out Vector256<int> b1, out Vector256<int> b2, out Vector256<int> b3);
        (q0, q1, q2, q3) = (JoinPairs(a0, b0), JoinPairs(a1, b1), JoinPairs(a2, b2), JoinPairs(a3, b3));
    }

    /// <summary>Of each query the dots with two rows, each in four parts: those of the first row in the even places.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Two<TQueries>(
        sbyte* rows, nint length, nint start, nint end, short* queries, out Vector256<int> q0, out Vector256<int> q1, out Vector256<int> q2, out Vector256<int> q3)
        where TQueries : struct, ICount
    {
        Vector256<int> s00 = default, s01 = default, s02 = default, s03 = default, s10 = default, s11 = default, s12 = default, s13 = default;
        sbyte* second = rows + length;
        short* query1 = queries + length, query2 = query1 + length, query3 = query2 + length;
        for (nint i = start; i < end; i += Together)
            Multiply<TQueries>(rows, second, queries, query1, query2, query3, i, ref s00, ref s01, ref s02, ref s03, ref s10, ref s11, ref s12, ref s13);
        q0 = Avx2.UnpackLow(s00, s10) + Avx2.UnpackHigh(s00, s10);
        q1 = Avx2.UnpackLow(s01, s11) + Avx2.UnpackHigh(s01, s11);
        q2 = Avx2.UnpackLow(s02, s12) + Avx2.UnpackHigh(s02, s12);
        q3 = Avx2.UnpackLow(s03, s13) + Avx2.UnpackHigh(s03, s13);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Multiply<TQueries>(
        sbyte* row0, sbyte* row1, short* query0, short* query1, short* query2, short* query3, nint index,
        ref Vector256<int> s00, ref Vector256<int> s01, ref Vector256<int> s02, ref Vector256<int> s03,
        ref Vector256<int> s10, ref Vector256<int> s11, ref Vector256<int> s12, ref Vector256<int> s13)
        where TQueries : struct, ICount
    {
        Vector256<short> first = Avx2.ConvertToVector256Int16(row0 + index), second = Avx2.ConvertToVector256Int16(row1 + index);
        Multiply(first, second, query0 + index, ref s00, ref s10);
        if (TQueries.Value > 1)
            Multiply(first, second, query1 + index, ref s01, ref s11);
        if (TQueries.Value > 2)
            Multiply(first, second, query2 + index, ref s02, ref s12);
        if (TQueries.Value > 3)
            Multiply(first, second, query3 + index, ref s03, ref s13);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Multiply(Vector256<short> first, Vector256<short> second, short* query, ref Vector256<int> firstSums, ref Vector256<int> secondSums)
    {
        var numbers = Vector256.Load(query);
        firstSums += Avx2.MultiplyAddAdjacent(first, numbers);
        secondSums += Avx2.MultiplyAddAdjacent(second, numbers);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> JoinPairs(Vector256<int> a, Vector256<int> b) =>
        Avx2.UnpackLow(a.AsInt64(), b.AsInt64()).AsInt32() + Avx2.UnpackHigh(a.AsInt64(), b.AsInt64()).AsInt32();

    /// <summary>Adds one query's scores of eight rows, whose dots come four and four.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddScaled(Vector256<int> a, Vector256<int> b, Vector256<float> scales, float step, float* scores)
    {
        Vector256<int> dots = Avx2.Permute2x128(a, b, 0x20) + Avx2.Permute2x128(a, b, 0x31);
        (Vector256.Load(scores) + (Vector256.ConvertToSingle(dots) * (scales * step))).Store(scores);
    }

    private static int One(sbyte* row, nint start, nint end, short* query)
    {
        Vector256<int> sums = default;
        for (nint i = start; i < end; i += Together)
            sums += Avx2.MultiplyAddAdjacent(Avx2.ConvertToVector256Int16(row + i), Vector256.Load(query + i));
        return Vector256.Sum(sums);
    }
}
