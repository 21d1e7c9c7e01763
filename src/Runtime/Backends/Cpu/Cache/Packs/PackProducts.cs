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

    private static bool HasUpperBit
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TBits.Value is 3 or 5;
    }

    /// <summary>
    /// The constants of the loop: a mask of the bits that are taken at a time, a mask of the upper bit of 3 and 5 bits, and, from byte 16 on, the tables. They are read from memory once, since the compiler would load
    /// constants that it knows again each time.
    /// </summary>
    public static byte[] Constants(CodeLevels levels)
    {
        byte upperBit = TBits.Value == 5 ? TierLevels.Apart : (byte)4, ones = (byte)((1 << TBits.Taken) - 1), ofUpperByte = TakenFrom > 8 ? (byte)0 : ones;
        return [ones, ofUpperByte, ones, ofUpperByte, upperBit, upperBit, upperBit, upperBit, .. new byte[TableBytes - (2 * WordBytes)], .. levels.Tables()];
    }

    /// <summary>Goes through the lanes [firstLane, endLane) of each repeated pack, one or two vectors at a time; or through pairs of packs that have one vector of lanes each.</summary>
    /// <param name="work">The work.</param>
    /// <param name="query">The first of the queries that take part.</param>
    /// <param name="firstLane">The first lane.</param>
    /// <param name="endLane">The lane after the last, counted through both packs of a pair.</param>
    /// <param name="firstRepeat">The first of the packs that are repeated.</param>
    /// <param name="packs">Packs that go together: two where all packs meet the same factors and have one vector of lanes, else one.</param>
    /// <param name="constants">As <see cref="Constants"/> makes them.</param>
    /// <param name="lowest">The lowest level.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Add<TQueries, TVectors>(
        in PackWork work, int query, int firstLane, int endLane, int firstRepeat, int packs, byte* constants, int lowest)
        where TQueries : struct, ICount
        where TVectors : struct, ICount
    {
        nint query1 = work.Factors.Stride, query2 = 2 * query1, query3 = 3 * query1;
        byte* factors0 = work.Factors.First + (query * query1);
        float* steps = work.Factors.Steps + query;
        int* sums = work.Factors.Sums + query;
        TWords ones = TWords.Repeat(constants), upperOnes = TWords.Repeat(constants + WordBytes);
        byte* tables = constants + TableBytes;
        TWords table0 = TWords.Table(tables);
        TWords table1 = TBits.Value <= 2 ? TWords.Table(tables + TableBytes) : table0;
        TWords table2 = TBits.Value == 1 ? TWords.Table(tables + (2 * TableBytes)) : table0;
        TWords table3 = TBits.Value == 1 ? TWords.Table(tables + (3 * TableBytes)) : table0;
        // Read here: what the loops read would be more than the compiler is ready to look into.
        PackShape shape = work.Range.Shape;
        nint stride = work.Stride, keptStride = work.Kept.Stride;
        bool resumes = work.Kept.Resumes, keeps = work.Kept.Keeps;
        int vectorBytes = TWords.Count * TWords.Bytes, lanes = TVectors.Value * TWords.Count, bytes = TVectors.Value * vectorBytes;
        nint rowBytes = shape.WordRowBytes, upperBytes = shape.UpperBytes, packBytes = shape.Bytes, secondBytes = packs == 1 ? vectorBytes : packBytes;
        nint factorStep = work.Factors.Step, repeatSums = work.Factors.RepeatSums, nextSums = work.Factors.GroupSums;
        int firstRow = Rows(work.Range.FirstDepth), lastRow = firstRow + Rows(work.Range.Depth), groupRows = Rows(work.Range.GroupDepth);
        int packLanes = work.Range.Lanes, repeats = work.Range.Repeats, summed = work.Range.Sums;
        byte* next = (byte*)work.Range.Next, firstPack = (byte*)work.Range.First, firstKept = work.Kept.First + (query * keptStride);
        float* firstScale = work.Scales, firstTo = work.Destination + (query * stride);
        for (int repeat = firstRepeat; repeat + packs <= repeats; repeat += packs)
        {
            for (int lane = firstLane; lane < endLane; lane += lanes)
            {
                nint at = repeat * factorStep;
                int* groupSums = sums + (repeat * repeatSums);
                int place = (repeat * packLanes) + lane;
                float* laneScales = firstScale + place, to = firstTo + place;
                byte* words = firstKept + (place * TWords.Bytes);
                for (int start = firstRow, end; start < lastRow; start = end, groupSums += nextSums, laneScales += packLanes * repeats)
                {
                    end = Math.Min(start + groupRows, lastRow);
                    TWords s00 = TWords.Sum(lowest * groupSums[0]), s10 = s00;
                    TWords s01 = TQueries.Value > 1 ? TWords.Sum(lowest * groupSums[1]) : s00, s11 = s01;
                    TWords s02 = TQueries.Value > 2 ? TWords.Sum(lowest * groupSums[2]) : s00, s12 = s02;
                    TWords s03 = TQueries.Value > 3 ? TWords.Sum(lowest * groupSums[3]) : s00, s13 = s03;
                    if (resumes)
                    {
                        Resume<TVectors>(words, ref s00, ref s10);
                        if (TQueries.Value > 1)
                            Resume<TVectors>(words + keptStride, ref s01, ref s11);
                        if (TQueries.Value > 2)
                            Resume<TVectors>(words + (2 * keptStride), ref s02, ref s12);
                        if (TQueries.Value > 3)
                            Resume<TVectors>(words + (3 * keptStride), ref s03, ref s13);
                    }

                    byte* pack = firstPack + (repeat * packBytes) + (lane * TWords.Bytes);
                    for (int i = 0; i < summed; i++, pack += packBytes)
                    {
                        for (int row = start; row < end; row++)
                        {
                            byte* from = pack + (row * rowBytes);
                            next = Prefetch.DistantLines(next, bytes);
                            TWords first = TWords.Load(from), second = TVectors.Value > 1 ? TWords.Load(from + secondBytes) : first;
                            TWords upperFirst = first, upperSecond = first;
                            if (HasUpperBit)
                            {
                                // A word has the upper bits of as many rows as there are lower bits, those of the second half to be turned to where those of the first lay.
                                from = pack + upperBytes + (row / TBits.Lower * rowBytes);
                                if (row % TBits.Lower == 0)
                                    next = Prefetch.DistantLines(next, bytes);
                                upperFirst = TWords.Load(from);
                                upperSecond = TVectors.Value > 1 ? TWords.Load(from + secondBytes) : upperFirst;
                                if (row % TBits.Lower >= TBits.Lower / 2)
                                    (upperFirst, upperSecond) = (TWords.SwapHalves(upperFirst), TWords.SwapHalves(upperSecond));
                                if (TBits.Value == 5 && row % 2 == 1)
                                    (upperFirst, upperSecond) = (TWords.ShiftRight(upperFirst, 2), TWords.ShiftRight(upperSecond, 2));
                            }

                            for (int taken = 0; taken < TakenFrom; taken += TBits.Taken)
                            {
                                if (taken > 0)
                                    Shift(ref first, ref second, ref upperFirst, ref upperSecond);
                                TWords one = Take(first, upperFirst, ones, upperOnes), other = TVectors.Value > 1 ? Take(second, upperSecond, ones, upperOnes) : one;
                                Multiply<TQueries, TVectors>(table0, one, other, upperFirst, upperSecond, upperOnes, factors0, query1, query2, query3, ref at, ref s00, ref s01, ref s02, ref s03, ref s10, ref s11, ref s12, ref s13);
                                if (TBits.Value <= 2)
                                    Multiply<TQueries, TVectors>(table1, one, other, upperFirst, upperSecond, upperOnes, factors0, query1, query2, query3, ref at, ref s00, ref s01, ref s02, ref s03, ref s10, ref s11, ref s12, ref s13);
                                if (TBits.Value == 1)
                                {
                                    Multiply<TQueries, TVectors>(table2, one, other, upperFirst, upperSecond, upperOnes, factors0, query1, query2, query3, ref at, ref s00, ref s01, ref s02, ref s03, ref s10, ref s11, ref s12, ref s13);
                                    Multiply<TQueries, TVectors>(table3, one, other, upperFirst, upperSecond, upperOnes, factors0, query1, query2, query3, ref at, ref s00, ref s01, ref s02, ref s03, ref s10, ref s11, ref s12, ref s13);
                                }
                            }

                            // Those of upper bytes have been met too.
                            at += (Parts - 1) * UpperFactors;
                        }
                    }

                    if (keeps)
                    {
                        Keep<TVectors>(s00, s10, words);
                        if (TQueries.Value > 1)
                            Keep<TVectors>(s01, s11, words + keptStride);
                        if (TQueries.Value > 2)
                            Keep<TVectors>(s02, s12, words + (2 * keptStride));
                        if (TQueries.Value > 3)
                            Keep<TVectors>(s03, s13, words + (3 * keptStride));
                        continue;
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

    /// <summary>The lowest bits of each byte, to be looked up, with the upper bit of 3.</summary>
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
        if (HasUpperBit)
            (upperFirst, upperSecond) = (TWords.ShiftRight(upperFirst, 1), TWords.ShiftRight(upperSecond, 1));
    }

    /// <summary>Adds the products of what is looked up with the next factors to each query's sums.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Multiply<TQueries, TVectors>(
        TWords table, TWords one, TWords other, TWords upper, TWords upperOther, TWords upperOnes, byte* factors0, nint query1, nint query2, nint query3, ref nint at,
        ref TWords s00, ref TWords s01, ref TWords s02, ref TWords s03, ref TWords s10, ref TWords s11, ref TWords s12, ref TWords s13)
        where TQueries : struct, ICount
        where TVectors : struct, ICount
    {
        if (TBits.LooksUp)
        {
            one = TWords.LookUp(table, one);
            other = TVectors.Value > 1 ? TWords.LookUp(table, other) : one;
        }

        // A level of 5 bits is one of 16, or as far above it as the upper bit counts.
        if (TBits.Value == 5)
        {
            one = TWords.AddBits(one, upper, upperOnes);
            other = TVectors.Value > 1 ? TWords.AddBits(other, upperOther, upperOnes) : one;
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
    private static void Resume<TVectors>(byte* words, ref TWords first, ref TWords second)
        where TVectors : struct, ICount
    {
        first = TWords.AddSums(first, TWords.Load(words));
        if (TVectors.Value > 1)
            second = TWords.AddSums(second, TWords.Load(words + (TWords.Count * TWords.Bytes)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Keep<TVectors>(TWords first, TWords second, byte* words)
        where TVectors : struct, ICount
    {
        TWords.Store(first, words);
        if (TVectors.Value > 1)
            TWords.Store(second, words + (TWords.Count * TWords.Bytes));
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
