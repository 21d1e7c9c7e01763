namespace TailorKV.Planner.Solver;

/// <summary>
/// Solves a <see cref="MultipleChoice"/> exactly: dynamic programming over its groups, a label for each partial choice that may still become the best one. A label is dropped
/// when one of its Lagrangian bounds is above a solution already known, when a limit can no longer be kept, or when another label is no worse in everything. Groups
/// whose choice is nearly certain come first, so labels stay few until the end (as in Pisinger's core algorithm for the multiple-choice knapsack).
/// </summary>
internal sealed class LabelSearch
{
    // The share of the labels kept that is tried of a group's items.
    private const int LabelsPerItem = 1 << 5;

    // Each subset of so many resources is scaled by each of these scales.
    private const int MostScaledResources = 3;

    /// <summary>How many cheaper labels each label is compared with; the rest it would rarely lose against.</summary>
    private const int DominanceChecks = 256;

    // The multipliers are the best for all groups together. What a label leaves to the groups that are left may be scarcer or more plentiful than that.
    private static readonly double[] MultiplierScales = [0, 0.5, 0.8, 1.25, 2];

    private readonly MultipleChoice _problem;
    private readonly double[] _multipliers;
    private readonly double _margin;
    private readonly int[] _order;
    private readonly int[][] _items;
    private readonly MultipleChoice.Item[][] _ordered;
    private readonly (double[] Multipliers, LagrangianBounds Bounds)[] _bounds;
    private readonly long[][] _leastAfter;
    private readonly long[][] _mostAfter;
    private readonly long _most;
    private readonly int _width;

    /// <summary>Prepares a search.</summary>
    /// <param name="problem">What to choose from.</param>
    /// <param name="multipliers">The relaxation's, or any others that are not negative (of resources to be used exactly: any); the better the quicker.</param>
    /// <param name="most">A cost that the answer must not exceed: that of a solution known from elsewhere; <see cref="long.MaxValue"/> for none.</param>
    /// <param name="width">The most labels to keep of a group. Where there are more, the search finds a good solution and proves nothing.</param>
    public LabelSearch(MultipleChoice problem, double[] multipliers, long most, int width)
    {
        (_problem, _multipliers, _most, _width) = (problem, multipliers, most, width);
        int groups = problem.Groups.Count;
        var whole = new LagrangianBounds(problem, problem.Groups, multipliers);
        double[] prices = [.. multipliers.Select(Math.Abs)];
        double longest = problem.UnitWait is { } waiting ? waiting.Priced(prices) * problem.Groups.Sum(group => (double)group.Max(item => item.Prefetch)) : 0;
        // Rounding of the sums that bounds are made of.
        _margin = 1e-13 * (groups + 10) * (Math.Abs(whole.Least) + longest + problem.Groups.Sum(group => group.Max(item => Size(item, prices)))
            + problem.Limits.Select((limit, r) => prices[r] * Math.Abs((double)limit)).Sum()) + 0.5;

        _items = new int[groups][];
        var secondBest = new double[groups];
        double[][] through = whole.BoundsThrough();
        for (int g = 0; g < groups; g++)
        {
            double[] costs = through[g];
            double least = costs.Min();
            // The cheapest stays even where the bound is above what is known already: the search then drops its label.
            int[] items = [.. Enumerable.Range(0, costs.Length).Where(i => costs[i] == least || costs[i] <= most + _margin).OrderBy(i => costs[i])];
            IsComplete &= items.Length <= width / LabelsPerItem;
            _items[g] = [.. items.Take(width / LabelsPerItem)];
            secondBest[g] = _items[g].Length > 1 ? costs[_items[g][1]] - least : double.PositiveInfinity;
        }

        _order = [.. problem.UnitWait is null ? Enumerable.Range(0, groups).OrderByDescending(g => secondBest[g]) : Enumerable.Range(0, groups)];
        _ordered = [.. _order.Select(g => _items[g].Select(i => problem.Groups[g][i]).ToArray())];
        _bounds = [.. Scaled(multipliers).Select(scaled => (scaled, new LagrangianBounds(problem, _ordered, scaled)))];
        (_leastAfter, _mostAfter) = ([.. problem.Limits.Select(_ => new long[groups])], [.. problem.Limits.Select(_ => new long[groups])]);
        for (int r = 0; r < multipliers.Length; r++)
        {
            for (int step = groups - 1; step > 0; step--)
            {
                long wait = problem.UnitWait is { } unit ? unit.Use[r] * _ordered[step].Max(item => item.Prefetch) : 0;
                _leastAfter[r][step - 1] = _leastAfter[r][step] + _ordered[step].Min(item => item.Use[r]);
                _mostAfter[r][step - 1] = _mostAfter[r][step] + _ordered[step].Max(item => item.Use[r]) + wait;
            }
        }
    }

    /// <summary>Whether nothing was left out: then no choice within the limits is better than what was found.</summary>
    public bool IsComplete { get; private set; } = true;

    /// <summary>Finds the best choice.</summary>
    /// <param name="stop">Stops the search.</param>
    /// <returns>The item of each group; null where none was found within the limits that costs at most what was said.</returns>
    /// <exception cref="OperationCanceledException">The search was stopped.</exception>
    public int[]? Run(CancellationToken stop)
    {
        var steps = new (int[] Parents, int[] Items)[_order.Length];
        Labels labels = NewLabels();
        labels.Add(0, new long[labels.Use.Length], 0, 0);
        for (int step = 0; step < _order.Length; step++)
        {
            Labels next = NewLabels();
            for (int item = 0; item < _ordered[step].Length; item++)
            {
                stop.ThrowIfCancellationRequested();
                Extend(labels, next, step, item);
                // Memory stays bounded whatever the number of items.
                if (next.Count > 4 * _width)
                    next = KeepBest(next, stop);
            }

            labels = KeepBest(next, stop);
            steps[step] = (labels.Parents, labels.Items);
        }

        if (labels.Count == 0)
            return null;
        // Bounds look at what a choice uses as well: one that leaves something of a limit may cost more than they say.
        int label = Enumerable.Range(0, labels.Count).MinBy(i => (labels.Cost[i], labels.Use[0][i]));
        if (labels.Cost[label] > _most)
            return null;
        var chosen = new int[_order.Length];
        for (int step = _order.Length - 1; step >= 0; step--)
            (chosen[_order[step]], label) = (_items[_order[step]][steps[step].Items[label]], steps[step].Parents[label]);
        return chosen;
    }

    // The multipliers themselves come first: they drop the most. However many resources there are, few are scaled.
    private static IEnumerable<double[]> Scaled(double[] multipliers)
    {
        yield return multipliers;
        int[] scaled = [.. Enumerable.Range(0, multipliers.Length).Where(r => multipliers[r] != 0).Take(MostScaledResources)];
        for (int subset = 1; subset < 1 << scaled.Length; subset++)
        {
            foreach (double scale in MultiplierScales)
            {
                double[] others = [.. multipliers];
                for (int i = 0; i < scaled.Length; i++)
                    others[scaled[i]] *= ((subset >> i) & 1) != 0 ? scale : 1;
                yield return others;
            }
        }
    }

    // Where groups wait, one number more: less of what the next item's prefetch may hide behind is worse.
    private Labels NewLabels() => new(
        _multipliers.Length + (_problem.UnitWait is null ? 0 : 1), (_multipliers.Length - _problem.Equalities).._multipliers.Length);

    private Labels KeepBest(Labels labels, CancellationToken stop)
    {
        int[] kept = labels.Undominated(DominanceChecks, stop);
        if (kept.Length > _width)
        {
            IsComplete = false;
            double[] priced = [.. kept.Select(label => labels.Priced(label, _multipliers))];
            Array.Sort(priced, kept);
            kept = kept[.._width];
        }

        return labels.Take(kept);
    }

    private void Extend(Labels from, Labels to, int step, int itemIndex)
    {
        MultipleChoice.Item item = _ordered[step][itemIndex];
        int resources = _multipliers.Length, exact = resources - _problem.Equalities;
        MultipleChoice.Item unit = _problem.UnitWait ?? new MultipleChoice.Item(0, new long[resources]);
        // The most that may be used by now for the limit to be kept, and the least of which that is sure whatever comes.
        long[] most = [.. _problem.Limits.Select((limit, r) => limit == MultipleChoice.Unlimited ? limit : limit - _leastAfter[r][step])];
        long[] sure = [.. _problem.Limits.Select((limit, r) => limit == MultipleChoice.Unlimited ? limit : limit - _mostAfter[r][step])];
        double[] after = [.. _bounds.Select(bound => bound.Bounds.After(step, itemIndex))];
        double highest = _most + _margin;
        long[] use = new long[from.Use.Length];
        for (int label = 0; label < from.Count; label++)
        {
            long wait = _problem.UnitWait is null ? 0 : _problem.Wait(-from.Use[^1][label], item);
            long cost = from.Cost[label] + item.Cost + (wait * unit.Cost);
            bool within = true;
            for (int r = 0; r < resources; r++)
            {
                use[r] = from.Use[r][label] + item.Use[r] + (wait * unit.Use[r]);
                within &= use[r] <= most[r] && (r < exact || use[r] >= sure[r]);
            }

            for (int i = 0; i < after.Length && within; i++)
                within = Bound(_bounds[i].Multipliers, cost, use) + after[i] <= highest;
            if (!within)
                continue;
            // Where a limit is kept whatever comes, how far below it a label is makes no difference; but it makes one to the order of labels, where it has a price. The first resource breaks ties, and counts always.
            for (int r = 1; r < exact; r++)
            {
                if (_multipliers[r] == 0)
                    use[r] = sure[r] == MultipleChoice.Unlimited ? 0 : Math.Max(use[r], sure[r]);
            }

            if (_problem.UnitWait is not null)
                use[^1] = step == _order.Length - 1 ? 0 : -item.Hides;
            to.Add(cost, use, label, itemIndex);
        }
    }

    private static double Size(MultipleChoice.Item item, double[] prices)
    {
        double size = Math.Abs((double)item.Cost);
        for (int r = 0; r < prices.Length; r++)
            size += prices[r] * Math.Abs((double)item.Use[r]);
        return size;
    }

    private static double Bound(double[] multipliers, long cost, long[] use)
    {
        double sum = cost;
        for (int r = 0; r < multipliers.Length; r++)
            sum += multipliers[r] * use[r];
        return sum;
    }
}
