namespace TailorKV.Planner.Solver;

/// <summary>
/// Lower bounds of what choices cost, limits being replaced by a price for what is used. Groups that do not depend on one another are bounded each by its cheapest item; where they wait for the one before, a
/// shortest path through the groups takes the waits into account.
/// </summary>
internal sealed class LagrangianBounds
{
    private readonly IReadOnlyList<IReadOnlyList<MultipleChoice.Item>> _groups;
    private readonly double[][] _priced;
    private readonly double[][] _after;
    private readonly double? _wait;

    /// <summary>Computes bounds.</summary>
    /// <param name="problem">Limits, and what waiting costs.</param>
    /// <param name="groups">The items of each group, in the order that they wait for one another.</param>
    /// <param name="multipliers">A price for each resource; 0 where there is no limit.</param>
    public LagrangianBounds(MultipleChoice problem, IReadOnlyList<IReadOnlyList<MultipleChoice.Item>> groups, double[] multipliers)
    {
        _groups = groups;
        _wait = problem.UnitWait?.Priced(multipliers);
        _priced = [.. groups.Select(group => Priced(group, multipliers))];
        double limits = 0;
        for (int r = 0; r < multipliers.Length; r++)
            limits += multipliers[r] == 0 ? 0 : multipliers[r] * problem.Limits[r];
        _after = new double[groups.Count][];
        double[] from = [-limits];
        for (int g = groups.Count - 1; g >= 0; g--)
        {
            _after[g] = from;
            from = g == 0 ? [LeastAfter(0, 0)] : _wait is null ? [LeastAfter(g, 0)] : AfterEach(g);
        }

        Least = from[0];
    }

    /// <summary>No whole choice within the limits costs less.</summary>
    public double Least { get; }

    /// <summary>No way to go on after an item costs less, the prices of the limits being taken off.</summary>
    /// <param name="group">The item's group.</param>
    /// <param name="item">The item.</param>
    public double After(int group, int item) => _after[group][_after[group].Length == 1 ? 0 : item];

    /// <summary>The items of a whole choice that costs <see cref="Least"/>.</summary>
    public int[] Cheapest()
    {
        var chosen = new int[_groups.Count];
        long hidden = 0;
        for (int g = 0; g < chosen.Length; g++)
        {
            double least = double.PositiveInfinity;
            for (int i = 0; i < _priced[g].Length; i++)
            {
                double through = _priced[g][i] + After(g, i) + WaitPrice(hidden, _groups[g][i].Prefetch);
                if (through < least)
                    (least, chosen[g]) = (through, i);
            }

            hidden = _groups[g][chosen[g]].Hides;
        }

        return chosen;
    }

    /// <summary>For each item, a bound of all whole choices that hold it.</summary>
    public double[][] BoundsThrough()
    {
        var through = new double[_groups.Count][];
        double[] before = [];
        for (int g = 0; g < through.Length; g++)
        {
            double[] until = [.. _priced[g]];
            var reached = new Dictionary<long, double>();
            for (int i = 0; i < until.Length; i++)
            {
                long prefetch = _wait is null ? 0 : _groups[g][i].Prefetch;
                if (!reached.TryGetValue(prefetch, out double least))
                    reached[prefetch] = least = g == 0 ? WaitPrice(0, prefetch) : LeastBefore(before, g - 1, prefetch);
                until[i] += least;
            }

            through[g] = [.. until.Select((cost, i) => cost + After(g, i))];
            before = until;
        }

        return through;
    }

    private static double[] Priced(IReadOnlyList<MultipleChoice.Item> group, double[] multipliers)
    {
        var priced = new double[group.Count];
        for (int i = 0; i < priced.Length; i++)
            priced[i] = group[i].Priced(multipliers);
        return priced;
    }

    private double WaitPrice(long hidden, long prefetch) => _wait is null || prefetch <= hidden ? 0 : _wait.Value * (prefetch - hidden);

    private double LeastBefore(double[] before, int group, long prefetch)
    {
        double least = double.PositiveInfinity;
        for (int i = 0; i < before.Length; i++)
            least = Math.Min(least, before[i] + WaitPrice(_groups[group][i].Hides, prefetch));
        return least;
    }

    private double LeastAfter(int group, long hidden)
    {
        double least = double.PositiveInfinity;
        for (int i = 0; i < _priced[group].Length; i++)
            least = Math.Min(least, _priced[group][i] + After(group, i) + WaitPrice(hidden, _groups[group][i].Prefetch));
        return least;
    }

    // What comes after the items of the group before. Few prefetches differ, so each is met with its cheapest item only.
    private double[] AfterEach(int group)
    {
        var cheapest = new Dictionary<long, double>();
        for (int i = 0; i < _priced[group].Length; i++)
        {
            long prefetch = _groups[group][i].Prefetch;
            double cost = _priced[group][i] + After(group, i);
            if (!cheapest.TryGetValue(prefetch, out double least) || cost < least)
                cheapest[prefetch] = cost;
        }

        var after = new double[_groups[group - 1].Count];
        for (int i = 0; i < after.Length; i++)
        {
            after[i] = double.PositiveInfinity;
            foreach ((long prefetch, double cost) in cheapest)
                after[i] = Math.Min(after[i], cost + WaitPrice(_groups[group - 1][i].Hides, prefetch));
        }

        return after;
    }
}
