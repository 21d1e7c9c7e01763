using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Numbers;

namespace TailorKV.Runtime.Backends.Cpu.Kernels;

/// <summary>
/// Queries in steps that meet keys coded per channel: rounded with the scales of one group of tokens after another, as <see cref="RoundedFactors"/> does, and multiplied with its zeros. A vector of
/// scales, and one of zeros, is widened once for up to four queries.
/// </summary>
internal static unsafe class ScaledQueries
{
    private const int Together = 4;
    private const int Lanes = 16;

    /// <summary>factors[group, query] = query * the group's scales, rounded; dots[group, query] = query . the group's zeros.</summary>
    /// <param name="scales">[groups, headDim]; scales and zeros must be finite, except for the plain twin.</param>
    /// <param name="zeros">[groups, headDim].</param>
    /// <param name="queries">[n, headDim], multiplied so that their products with scales round to integers of <paramref name="numberBytes"/>.</param>
    /// <param name="headDim">Channels.</param>
    /// <param name="factors">[groups, groupStride], of which each has [n, stride].</param>
    /// <param name="groupStride">Bytes from one group's factors to the next's.</param>
    /// <param name="stride">Bytes from one query's factors to the next's.</param>
    /// <param name="numberBytes">Bytes of a factor: 1 or 2.</param>
    /// <param name="dots">[groups, n].</param>
    /// <param name="lanes">32-bit lanes of vectors: 16, or fewer for the plain twin.</param>
    public static void Round(
        ReadOnlySpan<Half> scales, ReadOnlySpan<Half> zeros, ReadOnlySpan<float> queries, int headDim,
        Span<byte> factors, int groupStride, int stride, int numberBytes, Span<float> dots, int lanes)
    {
        int groups = scales.Length / headDim, n = queries.Length / headDim;
        if (lanes < Lanes || headDim % Lanes != 0)
        {
            RoundPlainly(scales, zeros, queries, headDim, factors, groupStride, stride, numberBytes, dots);
            return;
        }

        ArgumentOutOfRangeException.ThrowIfNotEqual(zeros.Length, scales.Length);
        ArgumentOutOfRangeException.ThrowIfLessThan(dots.Length, groups * n);
        ArgumentOutOfRangeException.ThrowIfLessThan(factors.Length, ((groups - 1) * groupStride) + ((n - 1) * stride) + (headDim * numberBytes));
        fixed (Half* scale = scales, zero = zeros)
        fixed (float* query = queries, dot = dots)
        fixed (byte* factor = factors)
        {
            QueryBatch all = new((short*)scale, (short*)zero, query, factor, dot);
            if (numberBytes == 1)
                ICount.ForAll(n, Together, new Work<sbyte>(all, groups, headDim, groupStride, stride, n));
            else
                ICount.ForAll(n, Together, new Work<short>(all, groups, headDim, groupStride, stride, n));
        }
    }

    private static void RoundPlainly(
        ReadOnlySpan<Half> scales, ReadOnlySpan<Half> zeros, ReadOnlySpan<float> queries, int headDim,
        Span<byte> factors, int groupStride, int stride, int numberBytes, Span<float> dots)
    {
        int n = queries.Length / headDim;
        using Scratch<float> room = new(stackalloc float[Scratch<float>.Little], headDim);
        Span<float> wide = room.Span;
        for (int group = 0; group * headDim < scales.Length; group++)
        {
            HalfFloat.Widen(zeros.Slice(group * headDim, headDim), wide);
            for (int query = 0; query < n; query++)
                dots[(group * n) + query] = DotProduct.Of(queries.Slice(query * headDim, headDim), wide);
            HalfFloat.Widen(scales.Slice(group * headDim, headDim), wide);
            for (int query = 0; query < n; query++)
            {
                ReadOnlySpan<float> numbers = queries.Slice(query * headDim, headDim);
                Span<byte> to = factors.Slice((group * groupStride) + (query * stride), headDim * numberBytes);
                if (numberBytes == 1)
                    RoundedFactors.RoundStepped(numbers, wide, MemoryMarshal.Cast<byte, sbyte>(to));
                else
                    RoundedFactors.RoundStepped(numbers, wide, MemoryMarshal.Cast<byte, short>(to));
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Run<TQueries, TFactor>(QueryBatch some, int groups, int headDim, nint groupStride, nint stride, int n)
        where TQueries : struct, ICount
        where TFactor : unmanaged
    {
        float* query0 = some.Queries, query1 = query0 + headDim, query2 = query1 + headDim, query3 = query2 + headDim;
        short* scales = some.Scales, zeros = some.Zeros;
        float* dots = some.Dots;
        byte* factors = some.Factors;
        Lanes512 one = Lanes512.Broadcast(1);
        for (int group = 0; group < groups; group++, scales += headDim, zeros += headDim, dots += n, factors += groupStride)
        {
            Vector512<float> dot0 = default, dot1 = default, dot2 = default, dot3 = default;
            for (nint i = 0; i < headDim; i += Lanes)
            {
                Vector512<float> scale = HalfFloat.ReadFinite((byte*)scales, i, one).Value;
                Vector512<float> zero = HalfFloat.ReadFinite((byte*)zeros, i, one).Value;
                byte* to = factors + (i * sizeof(TFactor));
                Round<TFactor>(query0 + i, scale, zero, to, ref dot0);
                if (TQueries.Value > 1)
                    Round<TFactor>(query1 + i, scale, zero, to + stride, ref dot1);
                if (TQueries.Value > 2)
                    Round<TFactor>(query2 + i, scale, zero, to + (2 * stride), ref dot2);
                if (TQueries.Value > 3)
                    Round<TFactor>(query3 + i, scale, zero, to + (3 * stride), ref dot3);
            }

            Vector128<float> sums = Lanes512.Sums(new(dot0), new(dot1), new(dot2), new(dot3));
            for (int query = 0; query < TQueries.Value; query++)
                dots[query] = sums[query];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Round<TFactor>(float* query, Vector512<float> scales, Vector512<float> zeros, byte* factors, ref Vector512<float> dot)
        where TFactor : unmanaged
    {
        var elements = Vector512.Load(query);
        Vector512<int> numbers = Avx512F.ConvertToVector512Int32(elements * scales);
        if (typeof(TFactor) == typeof(sbyte))
            Avx512F.ConvertToVector128SByte(numbers).Store((sbyte*)factors);
        else
            RoundedFactors.Lower(numbers).Store((short*)factors);
        dot = Vector512.FusedMultiplyAdd(elements, zeros, dot);
    }

    /// <summary>What up to four queries are made of, and what becomes of them.</summary>
    private readonly struct QueryBatch(short* scales, short* zeros, float* queries, byte* factors, float* dots)
    {
        public readonly short* Scales = scales;
        public readonly short* Zeros = zeros;
        public readonly float* Queries = queries;
        public readonly byte* Factors = factors;
        public readonly float* Dots = dots;
    }

    private readonly struct Work<TFactor>(QueryBatch all, int groups, int headDim, nint groupStride, nint stride, int n) : ICountedWork
        where TFactor : unmanaged
    {
        public void Run<TQueries>(int first)
            where TQueries : struct, ICount
        {
            var some = new QueryBatch(all.Scales, all.Zeros, all.Queries + ((nint)first * headDim), all.Factors + (first * stride), all.Dots + first);
            ScaledQueries.Run<TQueries, TFactor>(some, groups, headDim, groupStride, stride, n);
        }
    }
}
