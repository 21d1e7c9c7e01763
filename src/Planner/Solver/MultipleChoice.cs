using System.Numerics;

namespace TailorKV.Planner.Solver;

/// <summary>
/// One item of each group is to be chosen: at least cost, and among equals at least use of the first resource, no resource being used beyond its limit.
/// All numbers are whole, so sums and ties are exact. Numbers may be negative; sums stay within 2^62.
/// </summary>
/// <param name="Groups">The items of each group.</param>
/// <param name="Limits">The most of each resource; at least one, <see cref="Unlimited"/> for none.</param>
internal sealed record MultipleChoice(IReadOnlyList<IReadOnlyList<MultipleChoice.Item>> Groups, IReadOnlyList<long> Limits)
{
    /// <summary>A limit that is never reached.</summary>
    public const long Unlimited = long.MaxValue;

    private const int MostChoices = 200;

    // A bit for each: 16 KiB for each group and number.
    private const int MostSums = 1 << 17;

    /// <summary>How many of the last resources are to be used to their limit exactly, neither more nor less.</summary>
    public int Equalities { get; init; }

    /// <summary>
    /// What a unit of waiting costs and uses, where groups depend on the one before: an item waits for what of its <see cref="Item.Prefetch"/> the item before it does not hide. Null where they do not.
    /// </summary>
    public Item? UnitWait { get; init; }

    /// <summary>Whether a resource is to be used to its limit exactly.</summary>
    public bool IsExact(int resource) => resource >= Limits.Count - Equalities;

    /// <summary>How long an item waits after another.</summary>
    public long Wait(long hidden, in Item item) => UnitWait is null ? 0 : Math.Max(0, item.Prefetch - hidden);

    /// <summary>What whole choices cost and use.</summary>
    /// <param name="chosen">An item of each group.</param>
    public Item Sum(IReadOnlyList<int> chosen)
    {
        long cost = 0, hidden = 0;
        long[] use = new long[Limits.Count];
        for (int g = 0; g < chosen.Count; g++)
        {
            Item item = Groups[g][chosen[g]];
            long wait = Wait(hidden, item);
            cost += item.Cost + (wait == 0 ? 0 : wait * UnitWait!.Value.Cost);
            for (int r = 0; r < use.Length; r++)
                use[r] += item.Use[r] + (wait == 0 ? 0 : wait * UnitWait!.Value.Use[r]);
            hidden = item.Hides;
        }

        return new Item(cost, use);
    }

    /// <summary>Whether one limit alone already leaves no choice.</summary>
    public bool IsHopeless => IsBeyond(Sums());

    /// <summary>The linear relaxation's multipliers: what one unit more of each resource would save, not negative but where it is to be used exactly; null where no choice holds to the limits.</summary>
    /// <param name="stop">Stops the work.</param>
    public double[]? Multipliers(CancellationToken stop = default)
    {
        (long Least, long Most)[] sums = Sums();
        if (IsBeyond(sums))
            return null;

        // Whole choices enter the relaxation one at a time, each the cheapest at the multipliers found so far (Dantzig and Wolfe's decomposition). The first stands for
        // none: it keeps every limit and costs far more than any choice does.
        double longest = Groups.Sum(group => (double)group.Max(item => item.Prefetch));
        double most = Groups.Sum(group => (double)group.Max(item => Math.Abs(item.Cost))) + ((UnitWait?.Cost ?? 0) * longest) + 1;
        using var mixture = new MixtureProgram(
            Limits, Equalities, [.. Limits.Select((limit, r) => Math.Max(Math.Abs((double)sums[r].Least - limit), Math.Abs((double)sums[r].Most - limit) + ((UnitWait?.Use[r] ?? 0) * longest)))], most);
        mixture.Add(1000 * most, [.. Limits.Select(limit => limit == Unlimited ? 0 : limit)]);
        double[] best = new double[Limits.Count], multipliers = best;
        double bound = double.NegativeInfinity;
        for (int choices = 1; choices < MostChoices; choices++)
        {
            stop.ThrowIfCancellationRequested();
            (double reached, Item cheapest) = Cheapest(multipliers);
            if (reached > bound)
                (bound, best) = (reached, multipliers);
            if (bound > most)
                return null;
            mixture.Add(cheapest.Cost, cheapest.Use);
            if (mixture.Solve() is not { } solved || solved.Cost <= bound + (1e-9 * Math.Abs(bound)))
                break;
            multipliers = [.. solved.Multipliers.Select((multiplier, r) => IsExact(r) ? multiplier : Math.Max(0, multiplier))];
        }

        return best;
    }

    /// <summary>
    /// The same choice with each limit lowered to the largest sum not above it that items can make. Where items use one of a few numbers, as host bytes do, this leaves
    /// out what no choice can use, and bounds are closer.
    /// </summary>
    public MultipleChoice Tightened() => this with { Limits = [.. Limits.Select((limit, r) => limit == Unlimited || IsExact(r) || UnitWait?.Use[r] > 0 ? limit : LargestSum(r, limit))] };

    // The least and the most that choices use of each resource, waits left out.
    private (long Least, long Most)[] Sums() => [.. Limits.Select((_, r) => (Groups.Sum(group => group.Min(item => item.Use[r])), Groups.Sum(group => group.Max(item => item.Use[r]))))];

    private bool IsBeyond((long Least, long Most)[] sums)
    {
        for (int r = 0; r < sums.Length; r++)
        {
            if (Limits[r] != Unlimited && (sums[r].Least > Limits[r] || (IsExact(r) && sums[r].Most < Limits[r])))
                return true;
        }

        return false;
    }

    private (double Bound, Item Choice) Cheapest(double[] multipliers)
    {
        var bounds = new LagrangianBounds(this, Groups, multipliers);
        int[] chosen = bounds.Cheapest();
        Item sum = Sum(chosen);
        double magnitude = Math.Abs((double)sum.Cost);
        for (int g = 0; g < chosen.Length; g++)
            magnitude += Math.Abs((double)Groups[g][chosen[g]].Cost);
        for (int r = 0; r < multipliers.Length; r++)
        {
            if (multipliers[r] != 0)
                magnitude += Math.Abs(multipliers[r]) * (Math.Abs((double)Limits[r]) + chosen.Select((item, g) => Math.Abs((double)Groups[g][item].Use[r])).Sum());
        }

        // Less what its sums may have been rounded up: at a limit that one choice alone can keep, multipliers grow without end.
        return (bounds.Least - (1e-15 * (Groups.Count + 10) * magnitude), sum);
    }

    private long LargestSum(int resource, long limit)
    {
        long[] least = [.. Groups.Select(group => group.Min(item => item.Use[resource]))];
        long room = limit - least.Sum();
        BigInteger[][] extra = [.. Groups.Select((group, g) => group.Select(item => item.Use[resource] - least[g]).Distinct().Select(use => (BigInteger)use).ToArray())];
        BigInteger unit = extra.SelectMany(uses => uses).Aggregate(BigInteger.Zero, BigInteger.GreatestCommonDivisor);
        if (room < 0 || unit.IsZero)
            return limit;
        if (room / unit > MostSums)
            return limit - (long)(room % unit);
        // Bit n stands for a sum of n units.
        BigInteger sums = BigInteger.One, within = (BigInteger.One << ((int)(room / unit) + 1)) - 1;
        foreach (BigInteger[] uses in extra)
            sums = uses.Where(use => use <= room).Aggregate(BigInteger.Zero, (reached, use) => reached | (sums << (int)(use / unit))) & within;
        return limit - room + (((long)sums.GetBitLength() - 1) * (long)unit);
    }

    /// <summary>No choice within the limits costs less than this, whatever the multipliers; the best of them make it the linear relaxation's optimum.</summary>
    /// <param name="multipliers">One for each resource, not negative but where it is to be used exactly; 0 where there is no limit.</param>
    public double Bound(double[] multipliers) => Cheapest(multipliers).Bound;

    /// <summary>One thing to choose.</summary>
    /// <param name="Cost">What it costs.</param>
    /// <param name="Use">What it uses of each resource.</param>
    /// <param name="Prefetch">What may run while the item of the group before works.</param>
    /// <param name="Hides">How much of the next group's prefetch runs meanwhile.</param>
    public readonly record struct Item(long Cost, long[] Use, long Prefetch = 0, long Hides = 0)
    {
        /// <summary>Its cost with the resources it uses at a price.</summary>
        public double Priced(double[] multipliers)
        {
            double priced = Cost;
            for (int r = 0; r < Use.Length; r++)
                priced += multipliers[r] * Use[r];
            return priced;
        }
    }
}
