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
    /// <param name="largest">What no magnitude of each row's weights * scales is above, [n].</param>
    /// <param name="rounded">[n, roundedStride].</param>
    /// <param name="roundedStride">From one row's rounded numbers to the next's.</param>
    /// <param name="sizes">What one stands for in each row, [n].</param>
    /// <param name="sums">The sum of each row's rounded numbers, [n].</param>
    /// <param name="ofZeros">The sum of each row's weights * zeros, [n]; none where there are no zeros.</param>
    public static void Round(
        ReadOnlySpan<float> weights, int stride, ReadOnlySpan<float> scales, ReadOnlySpan<float> zeros, ReadOnlySpan<float> largest,
        Span<short> rounded, int roundedStride, Span<float> sizes, Span<int> sums, Span<float> ofZeros)
    {
        int n = sizes.Length, length = scales.Length;
        if (!Avx512F.IsSupported || length % Lanes != 0)
        {
            for (int row = 0; row < n; row++)
            {
                ReadOnlySpan<float> one = weights.Slice(row * stride, length);
                sizes[row] = RoundedFactors.Round(one, scales, largest[row], rounded[(row * roundedStride)..], out sums[row]);
                ofZeros[row] = zeros.IsEmpty ? 0 : DotProduct.Of(one, zeros);
            }

            return;
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(weights.Length, ((n - 1) * stride) + length);
        ArgumentOutOfRangeException.ThrowIfLessThan(rounded.Length, ((n - 1) * roundedStride) + length);
        ArgumentOutOfRangeException.ThrowIfLessThan(sums.Length, n);
        ArgumentOutOfRangeException.ThrowIfLessThan(ofZeros.Length, n);
        ArgumentOutOfRangeException.ThrowIfLessThan(largest.Length, n);
        float most = RoundedFactors.Most(length);
        if (!zeros.IsEmpty)
            ArgumentOutOfRangeException.ThrowIfLessThan(zeros.Length, length);
        fixed (float* weight = weights, scale = scales, zero = zeros, size = sizes, ofZero = ofZeros)
        fixed (short* to = rounded)
        fixed (int* sum = sums)
        {
            float* steps = stackalloc float[Together];
            for (int done = 0, together; done < n; done += together)
            {
                together = ICount.Together(n - done, Together);
                float* some = weight + ((nint)done * stride);
                short* toSome = to + ((nint)done * roundedStride);
                for (int row = 0; row < together; row++)
                    (size[done + row], steps[row]) = (largest[done + row] / most, RoundedFactors.Steps(largest[done + row], most));
                switch (together)
                {
                    case 1:
                        Run<ICount.One>(some, stride, scale, zero, length, toSome, roundedStride, steps, sum + done, ofZero + done);
                        break;
                    case 2:
                        Run<ICount.Two>(some, stride, scale, zero, length, toSome, roundedStride, steps, sum + done, ofZero + done);
                        break;
                    case 3:
                        Run<ICount.Three>(some, stride, scale, zero, length, toSome, roundedStride, steps, sum + done, ofZero + done);
                        break;
                    default:
                        Run<ICount.Four>(some, stride, scale, zero, length, toSome, roundedStride, steps, sum + done, ofZero + done);
                        break;
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Run<TRows>(
        float* row0, nint stride, float* scales, float* zeros, int length, short* to0, nint roundedStride, float* steps, int* sums, float* ofZeros)
        where TRows : struct, ICount
    {
        float* row1 = row0 + stride, row2 = row1 + stride, row3 = row2 + stride;
        short* to1 = to0 + roundedStride, to2 = to1 + roundedStride, to3 = to2 + roundedStride;
        Vector512<int> sum0 = default, sum1 = default, sum2 = default, sum3 = default;
        Vector512<float> dot0 = default, dot1 = default, dot2 = default, dot3 = default;
        Vector512<float> steps0 = Vector512.Create(steps[0]), steps1 = Vector512.Create(steps[1]), steps2 = Vector512.Create(steps[2]), steps3 = Vector512.Create(steps[3]);
        for (nint i = 0; i < length; i += Lanes)
        {
            var scale = Vector512.Load(scales + i);
            Vector512<float> zero = zeros == null ? default : Vector512.Load(zeros + i);
            Round(row0 + i, scale, zero, steps0, to0 + i, ref sum0, ref dot0);
            if (TRows.Value > 1)
                Round(row1 + i, scale, zero, steps1, to1 + i, ref sum1, ref dot1);
            if (TRows.Value > 2)
                Round(row2 + i, scale, zero, steps2, to2 + i, ref sum2, ref dot2);
            if (TRows.Value > 3)
                Round(row3 + i, scale, zero, steps3, to3 + i, ref sum3, ref dot3);
        }

        (sums[0], ofZeros[0]) = (Vector512.Sum(sum0), Vector512.Sum(dot0));
        if (TRows.Value > 1)
            (sums[1], ofZeros[1]) = (Vector512.Sum(sum1), Vector512.Sum(dot1));
        if (TRows.Value > 2)
            (sums[2], ofZeros[2]) = (Vector512.Sum(sum2), Vector512.Sum(dot2));
        if (TRows.Value > 3)
            (sums[3], ofZeros[3]) = (Vector512.Sum(sum3), Vector512.Sum(dot3));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Round(
        float* weights, Vector512<float> scales, Vector512<float> zeros, Vector512<float> steps, short* to, ref Vector512<int> sum, ref Vector512<float> dot)
    {
        var weight = Vector512.Load(weights);
        Vector512<int> numbers = Avx512F.ConvertToVector512Int32(weight * scales * steps);
        sum += numbers;
        RoundedFactors.Lower(numbers).Store(to);
        dot = Vector512.FusedMultiplyAdd(weight, zeros, dot);
    }
}
