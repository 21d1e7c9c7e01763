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

    /// <summary>The linear relaxation's multipliers: what one unit more of each resource would save, not negative; null where no choice holds to the limits.</summary>
    public double[]? Multipliers()
    {
        if (Limits.Where((limit, r) => limit != Unlimited && Groups.Sum(group => group.Min(item => item.Use[r])) > limit).Any())
            return null;
        // Whole choices enter the relaxation one at a time, each the cheapest at the multipliers found so far (Dantzig and Wolfe's decomposition). The first stands for
        // none: it keeps every limit and costs far more than any choice does.
        double most = Groups.Sum(group => (double)group.Max(item => Math.Abs(item.Cost))) + 1;
        var choices = new List<Item> { new((long)Math.Min(1000 * most, long.MaxValue / 2), [.. Limits.Select(limit => limit == Unlimited ? 0 : limit)]) };
        double[] best = new double[Limits.Count], multipliers = best;
        double bound = double.NegativeInfinity;
        while (choices.Count < MostChoices)
        {
            (double reached, Item cheapest) = Cheapest(multipliers);
            if (reached > bound)
                (bound, best) = (reached, multipliers);
            if (bound > most)
                return null;
            choices.Add(cheapest);
            if (Of(choices) is not { Bound: < double.PositiveInfinity } relaxation || relaxation.Bound <= bound + (1e-9 * Math.Abs(bound)))
                break;
            multipliers = [.. relaxation.RowDuals.Take(Limits.Count).Select(dual => Math.Max(0, -dual))];
        }

        return best;
    }

    /// <summary>
    /// The same choice with each limit lowered to the largest sum not above it that items can make. Where items use one of a few numbers, as host bytes do, this leaves
    /// out what no choice can use, and bounds are closer.
    /// </summary>
    public MultipleChoice Tightened() => this with { Limits = [.. Limits.Select((limit, r) => limit == Unlimited ? limit : LargestSum(r, limit))] };

    // Shares of choices, of which the sum is one and the use within the limits.
    private IntegerProgram Mixture(List<Item> choices)
    {
        var program = new IntegerProgram();
        foreach (Item choice in choices)
            program.AddBinary(choice.Cost, "");
        for (int r = 0; r < Limits.Count; r++)
        {
            program.AddConstraint(
                "", Limits[r] == Unlimited ? [] : choices.Select((choice, i) => new Term(i, choice.Use[r] - Limits[r])).Where(term => term.Coefficient != 0), ConstraintSense.AtMost, 0);
        }

        program.AddConstraint("", choices.Select((_, i) => new Term(i, 1)), ConstraintSense.Equal, 1);
        return program;
    }

    private Relaxation? Of(List<Item> choices)
    {
        IntegerProgram program = Mixture(choices);
        return Relaxation.Of(program, program.Constraints);
    }

    private (double Bound, Item Choice) Cheapest(double[] multipliers)
    {
        double bound = 0, magnitude = 0;
        long cost = 0;
        long[] use = new long[Limits.Count];
        foreach (IReadOnlyList<Item> group in Groups)
        {
            double least = double.PositiveInfinity;
            Item cheapest = default;
            for (int i = 0; i < group.Count; i++)
            {
                double priced = group[i].Priced(multipliers);
                if (priced < least)
                    (least, cheapest) = (priced, group[i]);
            }

            bound += least;
            magnitude += Math.Abs((double)cheapest.Cost);
            for (int r = 0; r < multipliers.Length; r++)
                magnitude += multipliers[r] * Math.Abs((double)cheapest.Use[r]);
            cost += cheapest.Cost;
            for (int r = 0; r < use.Length; r++)
                use[r] += cheapest.Use[r];
        }

        for (int r = 0; r < use.Length; r++)
        {
            bound -= multipliers[r] == 0 ? 0 : multipliers[r] * Limits[r];
            magnitude += multipliers[r] == 0 ? 0 : multipliers[r] * Math.Abs((double)Limits[r]);
        }

        // Less what its sums may have been rounded up: at a limit that one choice alone can keep, multipliers grow without end.
        return (bound - (1e-15 * (Groups.Count + 10) * magnitude), new Item(cost, use));
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
    /// <param name="multipliers">One for each resource, not negative; 0 where there is no limit.</param>
    public double Bound(double[] multipliers) => Cheapest(multipliers).Bound;

    /// <summary>One thing to choose.</summary>
    /// <param name="Cost">What it costs.</param>
    /// <param name="Use">What it uses of each resource.</param>
    public readonly record struct Item(long Cost, long[] Use)
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
