using System.Runtime.CompilerServices;
using TailorKV.Runtime.Cache.Kernels;

namespace TailorKV.Runtime.Cache.Packs;

/// <summary>The innermost loop of <see cref="VectorPackKernel{TBits, TWords}"/>: one or two vectors of lanes at a time, over all depths.</summary>
internal static unsafe class PackProducts<TBits, TWords>
    where TBits : struct, ICodeBits
    where TWords : struct, IWords<TWords>
{
    private const int TableBytes = 16;

    /// <summary>Goes through the lanes [firstLane, endLane), whole ones or twos of vectors, of each pack that is repeated.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Add<TQueries, TVectors>(
        PackRange range, int firstLane, int endLane, byte* tables, int lowest, PackFactors factors, float* scales, float* destination, nint stride)
        where TQueries : struct, ICount
        where TVectors : struct, ICount
    {
        byte* factors0 = factors.First, factors1 = factors0 + factors.Stride, factors2 = factors1 + factors.Stride, factors3 = factors2 + factors.Stride;
        float* steps = factors.Steps;
        int* sums = factors.Sums;
        TWords table0 = TWords.Table(tables);
        TWords table1 = TBits.Value <= 2 ? TWords.Table(tables + TableBytes) : table0;
        TWords table2 = TBits.Value == 1 ? TWords.Table(tables + (2 * TableBytes)) : table0;
        TWords table3 = TBits.Value == 1 ? TWords.Table(tables + (3 * TableBytes)) : table0;
        nint rowBytes = range.Shape.RowBytes, upperBytes = range.Shape.UpperBytes, packBytes = range.Shape.Bytes;
        int firstRow = Rows(range.FirstDepth), lastRow = firstRow + Rows(range.Depth), groupRows = Rows(range.GroupDepth), groupScales = range.Lanes * range.Repeats;
        byte* next = (byte*)range.Next;
        for (int repeat = 0; repeat < range.Repeats; repeat++, sums += factors.RepeatSums, scales += range.Lanes, destination += range.Lanes)
        {
            for (int lane = firstLane; lane < endLane; lane += TVectors.Value * TWords.Count)
            {
                nint at = repeat * factors.Step;
                int* groupSums = sums;
                float* laneScales = scales + lane;
                for (int start = firstRow, end; start < lastRow; start = end, groupSums += factors.GroupSums, laneScales += groupScales)
                {
                    end = Math.Min(start + groupRows, lastRow);
                    TWords s00 = TWords.Sum(lowest * groupSums[0]), s10 = s00;
                    TWords s01 = TQueries.Value > 1 ? TWords.Sum(lowest * groupSums[1]) : s00, s11 = s01;
                    TWords s02 = TQueries.Value > 2 ? TWords.Sum(lowest * groupSums[2]) : s00, s12 = s02;
                    TWords s03 = TQueries.Value > 3 ? TWords.Sum(lowest * groupSums[3]) : s00, s13 = s03;
                    byte* pack = (byte*)range.First + (repeat * packBytes) + (lane * TWords.Bytes);
                    for (int i = 0; i < range.Sums; i++, pack += packBytes)
                    {
                        for (int row = start; row < end; row++)
                        {
                            byte* from = pack + (row * rowBytes);
                            next = Prefetch.DistantLines(next, TVectors.Value * TWords.Count * TWords.Bytes);
                            TWords first = TWords.Load(from), second = TVectors.Value > 1 ? TWords.Load(from + (TWords.Count * TWords.Bytes)) : first;
                            TWords upperFirst = first, upperSecond = first;
                            if (TBits.Value == 3)
                            {
                                // A word has the upper bits of two rows, those of the second to be turned to where those of the first lay.
                                from = pack + upperBytes + (row / 2 * rowBytes);
                                if (row % 2 == 0)
                                    next = Prefetch.DistantLines(next, TVectors.Value * TWords.Count * TWords.Bytes);
                                upperFirst = TWords.Load(from);
                                upperSecond = TVectors.Value > 1 ? TWords.Load(from + (TWords.Count * TWords.Bytes)) : upperFirst;
                                if (row % 2 == 1)
                                    (upperFirst, upperSecond) = (TWords.SwapHalves(upperFirst), TWords.SwapHalves(upperSecond));
                            }

                            for (int taken = 0; taken < TWords.Bytes * 4; taken += TBits.Taken)
                            {
                                TWords one = Take(ref first, ref upperFirst), other = TVectors.Value > 1 ? Take(ref second, ref upperSecond) : one;
                                Multiply<TQueries, TVectors>(table0, one, other, factors0, factors1, factors2, factors3, ref at, ref s00, ref s01, ref s02, ref s03, ref s10, ref s11, ref s12, ref s13);
                                if (TBits.Value <= 2)
                                    Multiply<TQueries, TVectors>(table1, one, other, factors0, factors1, factors2, factors3, ref at, ref s00, ref s01, ref s02, ref s03, ref s10, ref s11, ref s12, ref s13);
                                if (TBits.Value == 1)
                                {
                                    Multiply<TQueries, TVectors>(table2, one, other, factors0, factors1, factors2, factors3, ref at, ref s00, ref s01, ref s02, ref s03, ref s10, ref s11, ref s12, ref s13);
                                    Multiply<TQueries, TVectors>(table3, one, other, factors0, factors1, factors2, factors3, ref at, ref s00, ref s01, ref s02, ref s03, ref s10, ref s11, ref s12, ref s13);
                                }
                            }
                        }
                    }

                    AddScaled<TVectors>(s00, s10, laneScales, steps[0], destination + lane);
                    if (TQueries.Value > 1)
                        AddScaled<TVectors>(s01, s11, laneScales, steps[1], destination + stride + lane);
                    if (TQueries.Value > 2)
                        AddScaled<TVectors>(s02, s12, laneScales, steps[2], destination + (2 * stride) + lane);
                    if (TQueries.Value > 3)
                        AddScaled<TVectors>(s03, s13, laneScales, steps[3], destination + (3 * stride) + lane);
                }
            }
        }
    }

    private static int Rows(int depths) => depths * TBits.Lower / (8 * TWords.Bytes);

    /// <summary>What is looked up next, and what is left of it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TWords Take(ref TWords words, ref TWords upper)
    {
        TWords taken = TWords.And(words, (byte)((1 << TBits.Taken) - 1));
        words = TWords.ShiftRight(words, TBits.Taken);
        if (TBits.Value == 3)
        {
            taken = TWords.OrBits(taken, upper, 4);
            upper = TWords.ShiftRight(upper, 1);
        }

        return taken;
    }

    /// <summary>Adds the products of what is looked up with the next factors to each query's sums.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Multiply<TQueries, TVectors>(
        TWords table, TWords one, TWords other, byte* factors0, byte* factors1, byte* factors2, byte* factors3, ref nint at,
        ref TWords s00, ref TWords s01, ref TWords s02, ref TWords s03, ref TWords s10, ref TWords s11, ref TWords s12, ref TWords s13)
        where TQueries : struct, ICount
        where TVectors : struct, ICount
    {
        if (TBits.LooksUp)
        {
            one = TWords.LookUp(table, one);
            other = TVectors.Value > 1 ? TWords.LookUp(table, other) : one;
        }

        Multiply<TVectors>(one, other, factors0 + at, ref s00, ref s10);
        if (TQueries.Value > 1)
            Multiply<TVectors>(one, other, factors1 + at, ref s01, ref s11);
        if (TQueries.Value > 2)
            Multiply<TVectors>(one, other, factors2 + at, ref s02, ref s12);
        if (TQueries.Value > 3)
            Multiply<TVectors>(one, other, factors3 + at, ref s03, ref s13);
        at += TWords.Bytes;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Multiply<TVectors>(TWords one, TWords other, byte* factors, ref TWords first, ref TWords second)
        where TVectors : struct, ICount
    {
        TWords factor = TWords.Repeat(factors);
        first = TWords.AddProducts(one, factor, first);
        if (TVectors.Value > 1)
            second = TWords.AddProducts(other, factor, second);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddScaled<TVectors>(TWords first, TWords second, float* scales, float step, float* destination)
        where TVectors : struct, ICount
    {
        TWords.AddScaled(first, scales, step, destination);
        if (TVectors.Value > 1)
            TWords.AddScaled(second, scales + TWords.Count, step, destination + TWords.Count);
    }
}
