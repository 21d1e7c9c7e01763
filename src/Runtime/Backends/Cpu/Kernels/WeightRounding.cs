using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Numbers;

namespace TailorKV.Runtime.Backends.Cpu.Kernels;

/// <summary>
/// Weights of tokens, a row for each query, rounded with the tokens' scales as <see cref="RoundedFactors"/> does, which is the plain twin: a vector of scales is widened once for up to
/// four rows, and what the rows make of the tokens' zeros is summed on the way.
/// </summary>
internal static unsafe class WeightRounding
{
    private const int Together = 4;
    private const int Lanes = 16;

    /// <summary>Rounds rows of weights * scales.</summary>
    /// <param name="weights">[n, stride].</param>
    /// <param name="stride">From one row's weights to the next's.</param>
    /// <param name="largest">An upper bound of the magnitudes of each row's weights, [n].</param>
    /// <param name="scales">What a token's weights are multiplied with.</param>
    /// <param name="most">The most that a rounded number may be.</param>
    /// <param name="rounded">[n, roundedStride].</param>
    /// <param name="roundedStride">From one row's rounded numbers to the next's.</param>
    /// <param name="sizes">The step of each row: what an integer of 1 stands for, [n].</param>
    /// <param name="sums">The sum of each row's rounded numbers, [n].</param>
    /// <param name="ofZeros">The sum of each row's weights * zeros, [n]; none where there are no zeros.</param>
    [SkipLocalsInit]
    public static void Round(
        ReadOnlySpan<float> weights, int stride, ReadOnlySpan<float> largest, StoredScales scales, float most, Span<short> rounded, int roundedStride,
        Span<float> sizes, Span<int> sums, Span<float> ofZeros)
    {
        int n = sums.Length, length = scales.Scales.Length;
        float largestScale = HalfFloat.LargestMagnitude(scales.Scales) * scales.Factor;
        using Scratch<float> room = new(stackalloc float[Scratch<float>.Little], n);
        Span<float> steps = room.Span;
        for (int row = 0; row < n; row++)
        {
            float bound = largest[row] * largestScale;
            (sizes[row], steps[row]) = (bound / most, RoundedFactors.Steps(bound, most));
        }

        if (!Avx512F.IsSupported || length % Lanes != 0 || !scales.AreFinite)
        {
            RoundPlainly(weights, stride, scales, steps, rounded, roundedStride, sums, ofZeros);
            return;
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(weights.Length, ((n - 1) * stride) + length);
        ArgumentOutOfRangeException.ThrowIfLessThan(rounded.Length, ((n - 1) * roundedStride) + length);
        ArgumentOutOfRangeException.ThrowIfLessThan(ofZeros.Length, n);
        if (!scales.Zeros.IsEmpty)
            ArgumentOutOfRangeException.ThrowIfLessThan(scales.Zeros.Length, length);
        fixed (float* weight = weights, step = steps, ofZero = ofZeros)
        fixed (Half* scale = scales.Scales, zero = scales.Zeros)
        fixed (short* to = rounded)
        fixed (int* sum = sums)
        {
            var stored = new Stored((short*)scale, scales.Factor, (short*)zero, scales.Offset, length);
            var rows = new RowBatch(weight, stride, step, to, roundedStride, sum, ofZero);
            if (zero == null)
                ICount.ForAll(n, Together, new Work<Without>(stored, rows));
            else
                ICount.ForAll(n, Together, new Work<With>(stored, rows));
        }
    }

    private static void RoundPlainly(
        ReadOnlySpan<float> weights, int stride, StoredScales stored, ReadOnlySpan<float> steps, Span<short> rounded, int roundedStride, Span<int> sums, Span<float> ofZeros)
    {
        int length = stored.Scales.Length;
        using Scratch<float> room = new(stackalloc float[Scratch<float>.Little], (2 * length) + stored.Zeros.Length);
        Span<float> scales = room.Span[..length], stepped = room.Span.Slice(length, length), zeros = room.Span[(2 * length)..];
        stored.ReadScales(scales);
        if (!zeros.IsEmpty)
            stored.ReadZeros(scales, zeros);
        for (int row = 0; row < sums.Length; row++)
        {
            ReadOnlySpan<float> one = weights.Slice(row * stride, length);
            TensorPrimitives.Multiply(scales, steps[row], stepped);
            sums[row] = RoundedFactors.RoundStepped(one, stepped, rounded.Slice(row * roundedStride, length));
            ofZeros[row] = zeros.IsEmpty ? 0 : DotProduct.Of(one, zeros);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Run<TRows, TZeros>(Stored stored, RowBatch some)
        where TRows : struct, ICount
        where TZeros : struct
    {
        float* row0 = some.Weights, row1 = row0 + some.Stride, row2 = row1 + some.Stride, row3 = row2 + some.Stride;
        short* to0 = some.Rounded, to1 = to0 + some.RoundedStride, to2 = to1 + some.RoundedStride, to3 = to2 + some.RoundedStride;
        short* scales = stored.Scales, zeros = stored.Zeros;
        Vector512<int> sum0 = default, sum1 = default, sum2 = default, sum3 = default;
        Vector512<float> dot0 = default, dot1 = default, dot2 = default, dot3 = default;
        Vector512<float> steps0 = Vector512.Create(some.Steps[0]), steps1 = TRows.Value > 1 ? Vector512.Create(some.Steps[1]) : steps0;
        Vector512<float> steps2 = TRows.Value > 2 ? Vector512.Create(some.Steps[2]) : steps0, steps3 = TRows.Value > 3 ? Vector512.Create(some.Steps[3]) : steps0;
        Lanes512 factor = Lanes512.Broadcast(stored.Factor), one = Lanes512.Broadcast(1);
        Vector512<float> offset = Vector512.Create(stored.Offset);
        nint length = stored.Length;
        // As they nearly always are.
        bool same = steps1 == steps0 && steps2 == steps0 && steps3 == steps0;
        for (nint i = 0; i < length; i += Lanes)
        {
            Vector512<float> scale = HalfFloat.ReadFinite((byte*)scales, i, factor).Value, zero = default;
            if (typeof(TZeros) == typeof(With))
                zero = Vector512.FusedMultiplyAdd(scale, offset, HalfFloat.ReadFinite((byte*)zeros, i, one).Value);
            Vector512<float> stepped = scale * steps0;
            Round<TZeros>(row0 + i, stepped, zero, to0 + i, ref sum0, ref dot0);
            if (TRows.Value > 1)
                Round<TZeros>(row1 + i, same ? stepped : scale * steps1, zero, to1 + i, ref sum1, ref dot1);
            if (TRows.Value > 2)
                Round<TZeros>(row2 + i, same ? stepped : scale * steps2, zero, to2 + i, ref sum2, ref dot2);
            if (TRows.Value > 3)
                Round<TZeros>(row3 + i, same ? stepped : scale * steps3, zero, to3 + i, ref sum3, ref dot3);
        }

        int* sums = some.Sums;
        float* ofZeros = some.OfZeros;
        (sums[0], ofZeros[0]) = (Vector512.Sum(sum0), Vector512.Sum(dot0));
        if (TRows.Value > 1)
            (sums[1], ofZeros[1]) = (Vector512.Sum(sum1), Vector512.Sum(dot1));
        if (TRows.Value > 2)
            (sums[2], ofZeros[2]) = (Vector512.Sum(sum2), Vector512.Sum(dot2));
        if (TRows.Value > 3)
            (sums[3], ofZeros[3]) = (Vector512.Sum(sum3), Vector512.Sum(dot3));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Round<TZeros>(float* weights, Vector512<float> scales, Vector512<float> zeros, short* to, ref Vector512<int> sum, ref Vector512<float> dot)
        where TZeros : struct
    {
        var weight = Vector512.Load(weights);
        Vector512<int> numbers = Avx512F.ConvertToVector512Int32(weight * scales);
        sum += numbers;
        RoundedFactors.Lower(numbers).Store(to);
        if (typeof(TZeros) == typeof(With))
            dot = Vector512.FusedMultiplyAdd(weight, zeros, dot);
    }

    /// <summary>Scales that have zeros.</summary>
    private readonly struct With;

    /// <summary>Scales that have none.</summary>
    private readonly struct Without;

    /// <summary>What all rows meet.</summary>
    private readonly struct Stored(short* scales, float factor, short* zeros, float offset, int length)
    {
        public readonly short* Scales = scales;
        public readonly float Factor = factor;
        public readonly short* Zeros = zeros;
        public readonly float Offset = offset;
        public readonly int Length = length;
    }

    /// <summary>Up to four rows, and what becomes of them.</summary>
    private readonly struct RowBatch(float* weights, nint stride, float* steps, short* rounded, nint roundedStride, int* sums, float* ofZeros)
    {
        public readonly float* Weights = weights;
        public readonly nint Stride = stride;
        public readonly float* Steps = steps;
        public readonly short* Rounded = rounded;
        public readonly nint RoundedStride = roundedStride;
        public readonly int* Sums = sums;
        public readonly float* OfZeros = ofZeros;

        public RowBatch From(int row) => new(Weights + (row * Stride), Stride, Steps + row, Rounded + (row * RoundedStride), RoundedStride, Sums + row, OfZeros + row);
    }

    private readonly struct Work<TZeros>(Stored stored, RowBatch rows) : ICountedWork
        where TZeros : struct
    {
        public void Run<TRows>(int first)
            where TRows : struct, ICount => WeightRounding.Run<TRows, TZeros>(stored, rows.From(first));
    }
}
