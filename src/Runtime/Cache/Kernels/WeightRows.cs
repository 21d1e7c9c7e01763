using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace TailorKV.Runtime.Cache.Kernels;

/// <summary>
/// Weights of tokens, a row for each query, rounded with the tokens' scales as <see cref="RoundedFactors"/> does, which is the plain twin: a vector of scales is read once for up to
/// four rows, and what the rows make of the tokens' zeros is summed on the way.
/// </summary>
internal static unsafe class WeightRows
{
    private const int Together = 4;
    private const int Lanes = 16;

    /// <summary>Rounds rows of weights * scales.</summary>
    /// <param name="weights">[n, stride].</param>
    /// <param name="stride">From one row's weights to the next's.</param>
    /// <param name="scales">What a token's weights are multiplied with.</param>
    /// <param name="zeros">What they are summed with; may be empty.</param>
    /// <param name="rounded">[n, roundedStride].</param>
    /// <param name="roundedStride">From one row's rounded numbers to the next's.</param>
    /// <param name="steps">What one stands for in each row, [n].</param>
    /// <param name="sums">The sum of each row's rounded numbers, [n].</param>
    /// <param name="ofZeros">The sum of each row's weights * zeros, [n]; none where there are no zeros.</param>
    public static void Round(
        ReadOnlySpan<float> weights, int stride, ReadOnlySpan<float> scales, ReadOnlySpan<float> zeros, Span<short> rounded, int roundedStride,
        Span<float> steps, Span<int> sums, Span<float> ofZeros)
    {
        int n = steps.Length, length = scales.Length;
        if (!Avx512F.IsSupported || length % Lanes != 0)
        {
            for (int row = 0; row < n; row++)
            {
                ReadOnlySpan<float> one = weights.Slice(row * stride, length);
                steps[row] = RoundedFactors.Round(one, scales, rounded[(row * roundedStride)..], out sums[row]);
                ofZeros[row] = zeros.IsEmpty ? 0 : DotProduct.Of(one, zeros);
            }

            return;
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(weights.Length, ((n - 1) * stride) + length);
        ArgumentOutOfRangeException.ThrowIfLessThan(rounded.Length, ((n - 1) * roundedStride) + length);
        ArgumentOutOfRangeException.ThrowIfLessThan(sums.Length, n);
        ArgumentOutOfRangeException.ThrowIfLessThan(ofZeros.Length, n);
        if (!zeros.IsEmpty)
            ArgumentOutOfRangeException.ThrowIfLessThan(zeros.Length, length);
        fixed (float* weight = weights, scale = scales, zero = zeros, step = steps, ofZero = ofZeros)
        fixed (short* to = rounded)
        fixed (int* sum = sums)
        {
            for (int done = 0, together; done < n; done += together)
            {
                together = ICount.Together(n - done, Together);
                float* some = weight + ((nint)done * stride);
                short* toSome = to + ((nint)done * roundedStride);
                switch (together)
                {
                    case 1:
                        Run<ICount.One>(some, stride, scale, zero, length, toSome, roundedStride, step + done, sum + done, ofZero + done);
                        break;
                    case 2:
                        Run<ICount.Two>(some, stride, scale, zero, length, toSome, roundedStride, step + done, sum + done, ofZero + done);
                        break;
                    case 3:
                        Run<ICount.Three>(some, stride, scale, zero, length, toSome, roundedStride, step + done, sum + done, ofZero + done);
                        break;
                    default:
                        Run<ICount.Four>(some, stride, scale, zero, length, toSome, roundedStride, step + done, sum + done, ofZero + done);
                        break;
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Run<TRows>(
        float* row0, nint stride, float* scales, float* zeros, int length, short* to0, nint roundedStride, float* sizes, int* sums, float* ofZeros)
        where TRows : struct, ICount
    {
        float* row1 = row0 + stride, row2 = row1 + stride, row3 = row2 + stride;
        short* to1 = to0 + roundedStride, to2 = to1 + roundedStride, to3 = to2 + roundedStride;
        Vector512<float> largest0 = default, largest1 = default, largest2 = default, largest3 = default;
        Vector512<float> dot0 = default, dot1 = default, dot2 = default, dot3 = default;
        for (nint i = 0; i < length; i += Lanes)
        {
            var scale = Vector512.Load(scales + i);
            Vector512<float> zero = zeros == null ? default : Vector512.Load(zeros + i);
            See(row0 + i, scale, zero, ref largest0, ref dot0);
            if (TRows.Value > 1)
                See(row1 + i, scale, zero, ref largest1, ref dot1);
            if (TRows.Value > 2)
                See(row2 + i, scale, zero, ref largest2, ref dot2);
            if (TRows.Value > 3)
                See(row3 + i, scale, zero, ref largest3, ref dot3);
        }

        float most = RoundedFactors.Most(length);
        float steps0 = Settle(largest0, dot0, most, out sizes[0], out ofZeros[0]);
        float steps1 = TRows.Value > 1 ? Settle(largest1, dot1, most, out sizes[1], out ofZeros[1]) : 0;
        float steps2 = TRows.Value > 2 ? Settle(largest2, dot2, most, out sizes[2], out ofZeros[2]) : 0;
        float steps3 = TRows.Value > 3 ? Settle(largest3, dot3, most, out sizes[3], out ofZeros[3]) : 0;
        Vector512<int> sum0 = default, sum1 = default, sum2 = default, sum3 = default;
        for (nint i = 0; i < length; i += Lanes)
        {
            var scale = Vector512.Load(scales + i);
            Store(row0 + i, scale, steps0, to0 + i, ref sum0);
            if (TRows.Value > 1)
                Store(row1 + i, scale, steps1, to1 + i, ref sum1);
            if (TRows.Value > 2)
                Store(row2 + i, scale, steps2, to2 + i, ref sum2);
            if (TRows.Value > 3)
                Store(row3 + i, scale, steps3, to3 + i, ref sum3);
        }

        sums[0] = Vector512.Sum(sum0);
        if (TRows.Value > 1)
            sums[1] = Vector512.Sum(sum1);
        if (TRows.Value > 2)
            sums[2] = Vector512.Sum(sum2);
        if (TRows.Value > 3)
            sums[3] = Vector512.Sum(sum3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void See(float* weights, Vector512<float> scales, Vector512<float> zeros, ref Vector512<float> largest, ref Vector512<float> dot)
    {
        var weight = Vector512.Load(weights);
        largest = Vector512.Max(largest.AsInt32(), (weight * scales).AsInt32() & Vector512.Create(RoundedFactors.MagnitudeBits)).AsSingle();
        dot = Vector512.FusedMultiplyAdd(weight, zeros, dot);
    }

    /// <summary>What one stands for in a row, and how many of the largest number would be one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Settle(Vector512<float> largest, Vector512<float> dot, float most, out float size, out float ofZeros)
    {
        float of = BitConverter.Int32BitsToSingle(RoundedFactors.Largest(Vector256.Max(largest.GetLower().AsInt32(), largest.GetUpper().AsInt32())));
        size = of / most;
        ofZeros = Vector512.Sum(dot);
        return RoundedFactors.Steps(of, most);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(float* weights, Vector512<float> scales, float steps, short* to, ref Vector512<int> sum)
    {
        Vector512<int> numbers = Avx512F.ConvertToVector512Int32(Vector512.Load(weights) * scales * steps);
        sum += numbers;
        Avx512F.ConvertToVector256Int16(numbers).Store(to);
    }
}
