using System.Runtime.CompilerServices;
using TailorKV.Runtime.Backends.Cpu.Kernels;


namespace TailorKV.Runtime.Backends.Cpu.Cache.Packs;

/// <summary>The innermost loop of <see cref="VectorPackKernel{TBits, TWords}"/>: one or two vectors of lanes at a time, over all depths.</summary>
internal static unsafe class PackProducts<TBits, TWords>
    where TBits : struct, ICodeBits
    where TWords : struct, IWords<TWords>
{
    private const int TableBytes = 16;
    private const int WordBytes = 4;

    /// <summary>Parts of a number that are taken from it separately: its bytes where a table is looked up, else the number as a whole.</summary>
    private static int Parts
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TBits.LooksUp ? TWords.Bytes / 2 : 1;
    }

    /// <summary>Bits of such a part.</summary>
    private static int TakenFrom
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TWords.Bytes * 4 / Parts;
    }

    /// <summary>Bytes from the factors of a number's lower byte to those of its upper byte.</summary>
    private static nint UpperFactors
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 8 / TBits.Lower * TWords.Bytes;
    }

    /// <summary>
    /// The constants of the loop: a mask of the bits that are taken at a time, a mask of 3 bits' upper bit, and, from byte 16 on, the tables. They are read from memory once, since the compiler would load
    /// constants that it knows again each time.
    /// </summary>
    public static byte[] Constants(CodeLevels levels)
    {
        const byte UpperBit = 4;
        byte ones = (byte)((1 << TBits.Taken) - 1), ofUpperByte = TakenFrom > 8 ? (byte)0 : ones;
        return [ones, ofUpperByte, ones, ofUpperByte, UpperBit, UpperBit, UpperBit, UpperBit, .. new byte[TableBytes - (2 * WordBytes)], .. levels.Tables()];
    }

    /// <summary>Goes through the lanes [firstLane, endLane) of each repeated pack, one or two vectors at a time; or through pairs of packs that have one vector of lanes each.</summary>
    /// <param name="range">The codes that take part.</param>
    /// <param name="firstLane">The first lane.</param>
    /// <param name="endLane">The lane after the last, counted through both packs of a pair.</param>
    /// <param name="firstRepeat">The first of the packs that are repeated.</param>
    /// <param name="packs">Packs that go together: two where all packs meet the same factors and have one vector of lanes, else one.</param>
    /// <param name="constants">As <see cref="Constants"/> makes them.</param>
    /// <param name="lowest">The lowest level.</param>
    /// <param name="factors">The factors.</param>
    /// <param name="scales">Of the first repeated pack's first lane.</param>
    /// <param name="destination">The same.</param>
    /// <param name="stride">From one query's numbers to the next's.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Add<TQueries, TVectors>(
        PackRange range, int firstLane, int endLane, int firstRepeat, int packs, byte* constants, int lowest, PackFactors factors, float* scales, float* destination, nint stride)
        where TQueries : struct, ICount
        where TVectors : struct, ICount
    {
        byte* factors0 = factors.First;
        nint query1 = factors.Stride, query2 = 2 * query1, query3 = 3 * query1;
        float* steps = factors.Steps;
        int* sums = factors.Sums;
        TWords ones = TWords.Repeat(constants), upperOnes = TWords.Repeat(constants + WordBytes);
        byte* tables = constants + TableBytes;
        TWords table0 = TWords.Table(tables);
        TWords table1 = TBits.Value <= 2 ? TWords.Table(tables + TableBytes) : table0;
        TWords table2 = TBits.Value == 1 ? TWords.Table(tables + (2 * TableBytes)) : table0;
        TWords table3 = TBits.Value == 1 ? TWords.Table(tables + (3 * TableBytes)) : table0;
        // Read here: what the loops read would be more than the compiler is ready to look into.
        PackShape shape = range.Shape;
        int vectorBytes = TWords.Count * TWords.Bytes, lanes = TVectors.Value * TWords.Count, bytes = TVectors.Value * vectorBytes;
        nint rowBytes = shape.WordRowBytes, upperBytes = shape.UpperBytes, packBytes = shape.Bytes, secondBytes = packs == 1 ? vectorBytes : packBytes;
        nint factorStep = factors.Step, repeatSums = factors.RepeatSums, nextSums = factors.GroupSums;
        int firstRow = Rows(range.FirstDepth), lastRow = firstRow + Rows(range.Depth), groupRows = Rows(range.GroupDepth), packLanes = range.Lanes, repeats = range.Repeats, summed = range.Sums;
        byte* next = (byte*)range.Next, firstPack = (byte*)range.First;
        for (int repeat = firstRepeat; repeat + packs <= repeats; repeat += packs)
        {
            for (int lane = firstLane; lane < endLane; lane += lanes)
            {
                nint at = repeat * factorStep;
                int* groupSums = sums + (repeat * repeatSums);
                int place = (repeat * packLanes) + lane;
                float* laneScales = scales + place, to = destination + place;
                for (int start = firstRow, end; start < lastRow; start = end, groupSums += nextSums, laneScales += packLanes * repeats)
                {
                    end = Math.Min(start + groupRows, lastRow);
                    TWords s00 = TWords.Sum(lowest * groupSums[0]), s10 = s00;
                    TWords s01 = TQueries.Value > 1 ? TWords.Sum(lowest * groupSums[1]) : s00, s11 = s01;
                    TWords s02 = TQueries.Value > 2 ? TWords.Sum(lowest * groupSums[2]) : s00, s12 = s02;
                    TWords s03 = TQueries.Value > 3 ? TWords.Sum(lowest * groupSums[3]) : s00, s13 = s03;
                    byte* pack = firstPack + (repeat * packBytes) + (lane * TWords.Bytes);
                    for (int i = 0; i < summed; i++, pack += packBytes)
                    {
                        for (int row = start; row < end; row++)
                        {
                            byte* from = pack + (row * rowBytes);
                            next = Prefetch.DistantLines(next, bytes);
                            TWords first = TWords.Load(from), second = TVectors.Value > 1 ? TWords.Load(from + secondBytes) : first;
                            TWords upperFirst = first, upperSecond = first;
                            if (TBits.Value == 3)
                            {
                                // A word has the upper bits of two rows, those of the second to be turned to where those of the first lay.
                                from = pack + upperBytes + (row / 2 * rowBytes);
                                if (row % 2 == 0)
                                    next = Prefetch.DistantLines(next, bytes);
                                upperFirst = TWords.Load(from);
                                upperSecond = TVectors.Value > 1 ? TWords.Load(from + secondBytes) : upperFirst;
                                if (row % 2 == 1)
                                    (upperFirst, upperSecond) = (TWords.SwapHalves(upperFirst), TWords.SwapHalves(upperSecond));
                            }

                            for (int taken = 0; taken < TakenFrom; taken += TBits.Taken)
                            {
                                if (taken > 0)
                                    Shift(ref first, ref second, ref upperFirst, ref upperSecond);
                                TWords one = Take(first, upperFirst, ones, upperOnes), other = TVectors.Value > 1 ? Take(second, upperSecond, ones, upperOnes) : one;
                                Multiply<TQueries, TVectors>(table0, one, other, factors0, query1, query2, query3, ref at, ref s00, ref s01, ref s02, ref s03, ref s10, ref s11, ref s12, ref s13);
                                if (TBits.Value <= 2)
                                    Multiply<TQueries, TVectors>(table1, one, other, factors0, query1, query2, query3, ref at, ref s00, ref s01, ref s02, ref s03, ref s10, ref s11, ref s12, ref s13);
                                if (TBits.Value == 1)
                                {
                                    Multiply<TQueries, TVectors>(table2, one, other, factors0, query1, query2, query3, ref at, ref s00, ref s01, ref s02, ref s03, ref s10, ref s11, ref s12, ref s13);
                                    Multiply<TQueries, TVectors>(table3, one, other, factors0, query1, query2, query3, ref at, ref s00, ref s01, ref s02, ref s03, ref s10, ref s11, ref s12, ref s13);
                                }
                            }

                            // Those of upper bytes have been met too.
                            at += (Parts - 1) * UpperFactors;
                        }
                    }

                    AddScaled<TVectors>(s00, s10, laneScales, steps[0], to);
                    if (TQueries.Value > 1)
                        AddScaled<TVectors>(s01, s11, laneScales, steps[1], to + stride);
                    if (TQueries.Value > 2)
                        AddScaled<TVectors>(s02, s12, laneScales, steps[2], to + (2 * stride));
                    if (TQueries.Value > 3)
                        AddScaled<TVectors>(s03, s13, laneScales, steps[3], to + (3 * stride));
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Rows(int depths) => depths * TBits.Lower / (8 * TWords.Bytes);

    /// <summary>The lowest bits of each byte, to be looked up.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TWords Take(TWords words, TWords upper, TWords ones, TWords upperOnes)
    {
        TWords taken = TBits.Taken == TakenFrom ? words : TWords.And(words, ones);
        return TBits.Value == 3 ? TWords.OrBits(taken, upper, upperOnes) : taken;
    }

    /// <summary>Brings the next bits down.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Shift(ref TWords first, ref TWords second, ref TWords upperFirst, ref TWords upperSecond)
    {
        (first, second) = (TWords.ShiftRight(first, TBits.Taken), TWords.ShiftRight(second, TBits.Taken));
        if (TBits.Value == 3)
            (upperFirst, upperSecond) = (TWords.ShiftRight(upperFirst, 1), TWords.ShiftRight(upperSecond, 1));
    }

    /// <summary>Adds the products of what is looked up with the next factors to each query's sums.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Multiply<TQueries, TVectors>(
        TWords table, TWords one, TWords other, byte* factors0, nint query1, nint query2, nint query3, ref nint at,
        ref TWords s00, ref TWords s01, ref TWords s02, ref TWords s03, ref TWords s10, ref TWords s11, ref TWords s12, ref TWords s13)
        where TQueries : struct, ICount
        where TVectors : struct, ICount
    {
        if (TBits.LooksUp)
        {
            one = TWords.LookUp(table, one);
            other = TVectors.Value > 1 ? TWords.LookUp(table, other) : one;
        }

        byte* factors = factors0 + at;
        for (int part = 0; part < Parts; part++)
        {
            TWords first = Parts == 1 ? one : part == 0 ? TWords.LowerBytes(one) : TWords.UpperBytes(one), second = first;
            if (TVectors.Value > 1)
                second = Parts == 1 ? other : part == 0 ? TWords.LowerBytes(other) : TWords.UpperBytes(other);
            Multiply<TVectors>(first, second, factors, ref s00, ref s10);
            if (TQueries.Value > 1)
                Multiply<TVectors>(first, second, factors + query1, ref s01, ref s11);
            if (TQueries.Value > 2)
                Multiply<TVectors>(first, second, factors + query2, ref s02, ref s12);
            if (TQueries.Value > 3)
                Multiply<TVectors>(first, second, factors + query3, ref s03, ref s13);
            factors += UpperFactors;
        }

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
