using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace TailorKV.Runtime.Cache.Kernels;

/// <summary>
/// Sums of rows of levels in signed bytes, weighted by integers of 16 bits, exact in 32 bits. Two rows go together: their levels lie side by side, so that one instruction
/// multiplies both with their weights and adds them.
/// </summary>
internal static unsafe class IntegerSums
{
    // Elements of a vector of sums.
    private const int Width = 8;

    /// <summary>outputs[query * outputStride + i - start] += steps[query] * sum over rows of weights[query * stride + row] * row's element i, for i in [start, end).</summary>
    /// <param name="levels">[rows, length].</param>
    /// <param name="length">Elements of a row.</param>
    /// <param name="start">The first element that takes part.</param>
    /// <param name="end">The element after the last that does.</param>
    /// <param name="weights">[n, stride], few and small enough for 32 bits to hold a sum.</param>
    /// <param name="stride">From one query's weights to the next's.</param>
    /// <param name="steps">What one stands for in the weights of each query, [n].</param>
    /// <param name="outputs">[n, outputStride].</param>
    /// <param name="outputStride">From one query's outputs to the next's.</param>
    /// <param name="lanes">1 for the plain twin.</param>
    public static void Add(
        ReadOnlySpan<byte> levels, int length, int start, int end, ReadOnlySpan<short> weights, int stride, ReadOnlySpan<float> steps, Span<float> outputs, int outputStride, int lanes)
    {
        int count = levels.Length / length, n = steps.Length;
        if (count == 0 || n == 0)
            return;
        ArgumentOutOfRangeException.ThrowIfGreaterThan(end, length);
        ArgumentOutOfRangeException.ThrowIfLessThan(weights.Length, ((n - 1) * stride) + count);
        ArgumentOutOfRangeException.ThrowIfLessThan(outputs.Length, ((n - 1) * outputStride) + end - start);
        int whole = lanes == 1 ? start : end - ((end - start) % (2 * Width)), pairs = count - (count % 2);
        fixed (byte* row = levels)
        fixed (short* weight = weights)
        fixed (float* step = steps, output = outputs)
        {
            var rows = new Rows((nint)row, length, pairs, start, whole);
            for (int done = 0, together; done < n && start < whole; done += together)
            {
                together = Math.Min(4, n - done);
                short* from = weight + ((nint)done * stride);
                float* to = output + ((nint)done * outputStride);
                switch (together)
                {
                    case 1:
                        Run<ICount.One>(rows, from, stride, step + done, to, outputStride);
                        break;
                    case 2:
                        Run<ICount.Two>(rows, from, stride, step + done, to, outputStride);
                        break;
                    case 3:
                        Run<ICount.Three>(rows, from, stride, step + done, to, outputStride);
                        break;
                    default:
                        Run<ICount.Four>(rows, from, stride, step + done, to, outputStride);
                        break;
                }
            }

            if (pairs < count)
                AddPlainly(rows with { First = (nint)rows.Row(pairs), Count = 1 }, weight + pairs, stride, step, n, output, outputStride);
            if (whole < end)
                AddPlainly(rows with { Count = count, Start = whole, End = end }, weight, stride, step, n, output + whole - start, outputStride);
        }
    }

    /// <summary>The plain twin, the last of an odd number of rows, and the ends of rows.</summary>
    private static void AddPlainly(Rows rows, short* weights, nint stride, float* steps, int n, float* outputs, nint outputStride)
    {
        for (int query = 0; query < n; query++)
        {
            for (int i = rows.Start; i < rows.End; i++)
            {
                int sum = 0;
                for (int row = 0; row < rows.Count; row++)
                    sum += weights[(query * stride) + row] * (sbyte)rows.Row(row)[i];
                outputs[(query * outputStride) + i - rows.Start] += sum * steps[query];
            }
        }
    }

    private static void Run<TQueries>(Rows rows, short* weights, nint stride, float* steps, float* outputs, nint outputStride)
        where TQueries : struct, ICount
    {
        int start = rows.Start;
        // Four vectors each of four queries' sums are more than AVX2 has registers.
        for (; TQueries.Value < 4 && start <= rows.End - (4 * Width); start += 4 * Width)
            Run<TQueries, ICount.Four>(rows, start, weights, stride, steps, outputs + start - rows.Start, outputStride);
        for (; start < rows.End; start += 2 * Width)
            Run<TQueries, ICount.Two>(rows, start, weights, stride, steps, outputs + start - rows.Start, outputStride);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Run<TQueries, TVectors>(Rows rows, nint start, short* weights, nint stride, float* steps, float* outputs, nint outputStride)
        where TQueries : struct, ICount
        where TVectors : struct, ICount
    {
        Vector256<int> s00 = default, s01 = default, s02 = default, s03 = default, s10 = default, s11 = default, s12 = default, s13 = default;
        Vector256<int> s20 = default, s21 = default, s22 = default, s23 = default, s30 = default, s31 = default, s32 = default, s33 = default;
        byte* first = rows.Row(0) + start;
        for (int row = 0; row < rows.Count; row += 2, first += 2 * rows.Bytes, weights += 2)
        {
            byte* second = first + rows.Bytes;
            Vector256<short> w0 = Vector256.Create(*(int*)weights).AsInt16();
            Vector256<short> w1 = TQueries.Value > 1 ? Vector256.Create(*(int*)(weights + stride)).AsInt16() : w0;
            Vector256<short> w2 = TQueries.Value > 2 ? Vector256.Create(*(int*)(weights + (2 * stride))).AsInt16() : w0;
            Vector256<short> w3 = TQueries.Value > 3 ? Vector256.Create(*(int*)(weights + (3 * stride))).AsInt16() : w0;

            Vector128<byte> one = Vector128.Load(first), other = Vector128.Load(second);
            Multiply<TQueries>(Sse2.UnpackLow(one, other), w0, w1, w2, w3, ref s00, ref s10, ref s20, ref s30);
            Multiply<TQueries>(Sse2.UnpackHigh(one, other), w0, w1, w2, w3, ref s01, ref s11, ref s21, ref s31);
            if (TVectors.Value > 2)
            {
                (one, other) = (Vector128.Load(first + (2 * Width)), Vector128.Load(second + (2 * Width)));
                Multiply<TQueries>(Sse2.UnpackLow(one, other), w0, w1, w2, w3, ref s02, ref s12, ref s22, ref s32);
                Multiply<TQueries>(Sse2.UnpackHigh(one, other), w0, w1, w2, w3, ref s03, ref s13, ref s23, ref s33);
            }
        }

        AddScaled<TVectors>(outputs, steps[0], s00, s01, s02, s03);
        if (TQueries.Value > 1)
            AddScaled<TVectors>(outputs + outputStride, steps[1], s10, s11, s12, s13);
        if (TQueries.Value > 2)
            AddScaled<TVectors>(outputs + (2 * outputStride), steps[2], s20, s21, s22, s23);
        if (TQueries.Value > 3)
            AddScaled<TVectors>(outputs + (3 * outputStride), steps[3], s30, s31, s32, s33);
    }

    /// <summary>Adds the weighted levels of two rows, which lie in turns, to each query's sums.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Multiply<TQueries>(
        Vector128<byte> levels, Vector256<short> w0, Vector256<short> w1, Vector256<short> w2, Vector256<short> w3,
        ref Vector256<int> s0, ref Vector256<int> s1, ref Vector256<int> s2, ref Vector256<int> s3)
        where TQueries : struct, ICount
    {
        Vector256<short> wide = Avx2.ConvertToVector256Int16(levels.AsSByte());
        s0 += Avx2.MultiplyAddAdjacent(wide, w0);
        if (TQueries.Value > 1)
            s1 += Avx2.MultiplyAddAdjacent(wide, w1);
        if (TQueries.Value > 2)
            s2 += Avx2.MultiplyAddAdjacent(wide, w2);
        if (TQueries.Value > 3)
            s3 += Avx2.MultiplyAddAdjacent(wide, w3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddScaled<TVectors>(float* output, float step, Vector256<int> s0, Vector256<int> s1, Vector256<int> s2, Vector256<int> s3)
        where TVectors : struct, ICount
    {
        AddScaled(output, step, s0);
        AddScaled(output + Width, step, s1);
        if (TVectors.Value > 2)
        {
            AddScaled(output + (2 * Width), step, s2);
            AddScaled(output + (3 * Width), step, s3);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddScaled(float* output, float step, Vector256<int> sums) => (Vector256.Load(output) + (Vector256.ConvertToSingle(sums) * step)).Store(output);
}
