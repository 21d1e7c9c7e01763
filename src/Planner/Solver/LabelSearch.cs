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

    /// <summary>How many cheaper labels each label is compared with; the rest it would rarely lose against.</summary>
    private const int Compared = 256;

    // The multipliers are the best for all groups together. What a label leaves to the groups that are left may be scarcer or more plentiful than that.
    private static readonly double[] OtherScales = [0, 0.5, 0.8, 1.25, 2];

    private readonly MultipleChoice _problem;
    private readonly double[] _multipliers;
    private readonly double _margin;
    private readonly int[] _order;
    private readonly int[][] _items;
    private readonly Bound[] _bounds;
    private readonly long[][] _leastAfter;
    private readonly long _most;
    private readonly int _width;

    /// <summary>Prepares a search.</summary>
    /// <param name="problem">What to choose from.</param>
    /// <param name="multipliers">The relaxation's, or any others that are not negative; the better the quicker.</param>
    /// <param name="most">A cost that the answer must not exceed: that of a solution known from elsewhere; <see cref="long.MaxValue"/> for none.</param>
    /// <param name="width">The most labels to keep of a group. Where there are more, the search finds a good solution and proves nothing.</param>
    public LabelSearch(MultipleChoice problem, double[] multipliers, long most, int width)
    {
        (_problem, _multipliers, _most, _width) = (problem, multipliers, most, width);
        int groups = problem.Groups.Count;
        double bound = problem.Bound(multipliers);
        // Rounding of the sums that bounds are made of.
        _margin = 1e-13 * (groups + 10) * (Math.Abs(bound) + problem.Groups.Sum(group => group.Max(item => Math.Abs(item.Priced(multipliers))))
            + problem.Limits.Select((limit, r) => multipliers[r] * Math.Abs((double)limit)).Sum()) + 0.5;

        _items = new int[groups][];
        var secondBest = new double[groups];
        for (int g = 0; g < groups; g++)
        {
            double[] priced = [.. problem.Groups[g].Select(item => item.Priced(multipliers))];
            double least = priced.Min();
            // The cheapest stays even where the bound is above what is known already: the search then drops its label.
            int[] items = [.. Enumerable.Range(0, priced.Length).Where(i => priced[i] == least || bound + priced[i] - least <= most + _margin).OrderBy(i => priced[i])];
            IsComplete &= items.Length <= width / LabelsPerItem;
            _items[g] = [.. items.Take(width / LabelsPerItem)];
            secondBest[g] = _items[g].Length > 1 ? priced[_items[g][1]] - least : double.PositiveInfinity;
        }

        _order = [.. Enumerable.Range(0, groups).OrderByDescending(g => secondBest[g])];
        MultipleChoice.Item[][] ordered = [.. _order.Select(g => _items[g].Select(i => problem.Groups[g][i]).ToArray())];
        _bounds = [.. Scaled(multipliers).Select(scaled => new Bound(scaled, After(ordered, problem.Limits, scaled)))];
        _leastAfter = [.. problem.Limits.Select(_ => new long[groups + 1])];
        for (int r = 0; r < multipliers.Length; r++)
        {
            for (int step = groups - 1; step >= 0; step--)
                _leastAfter[r][step] = _leastAfter[r][step + 1] + ordered[step].Min(item => item.Use[r]);
        }
    }

    /// <summary>Whether nothing was left out: then no choice within the limits is better than what was found.</summary>
    public bool IsComplete { get; private set; } = true;

    /// <summary>Finds the best choice.</summary>
    /// <param name="deadline">Ends the search with nothing, as one that is not complete.</param>
    /// <param name="cancellation">Stops the search.</param>
    /// <returns>The item of each group; null where none was found within the limits that costs at most what was said.</returns>
    public int[]? Run(CancellationToken deadline, CancellationToken cancellation)
    {
        var steps = new (int[] Parents, int[] Items)[_order.Length];
        var labels = new Labels(_multipliers.Length);
        labels.Add(0, new long[_multipliers.Length], 0, 0);
        for (int step = 0; step < _order.Length; step++)
        {
            var next = new Labels(_multipliers.Length);
            foreach (int item in _items[_order[step]])
            {
                if (deadline.IsCancellationRequested)
                {
                    IsComplete = false;
                    return null;
                }

                Extend(labels, next, step + 1, item, _problem.Groups[_order[step]][item]);
                // Memory stays bounded whatever the number of items.
                if (next.Count > 4 * _width)
                    next = Best(next, cancellation);
            }

            labels = Best(next, cancellation);
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
            (chosen[_order[step]], label) = (steps[step].Items[label], steps[step].Parents[label]);
        return chosen;
    }

    // The multipliers themselves come first: they drop the most.
    private static IEnumerable<double[]> Scaled(double[] multipliers)
    {
        yield return multipliers;
        for (int subset = 1; subset < 1 << multipliers.Length; subset++)
        {
            if (multipliers.Where((multiplier, r) => multiplier == 0 && Contains(subset, r)).Any())
                continue;
            foreach (double scale in OtherScales)
                yield return [.. multipliers.Select((multiplier, r) => Contains(subset, r) ? scale * multiplier : multiplier)];
        }

        static bool Contains(int subset, int r) => ((subset >> r) & 1) != 0;
    }

    private static double[] After(MultipleChoice.Item[][] ordered, IReadOnlyList<long> limits, double[] multipliers)
    {
        var after = new double[ordered.Length + 1];
        for (int r = 0; r < multipliers.Length; r++)
            after[^1] -= multipliers[r] == 0 ? 0 : multipliers[r] * limits[r];
        for (int step = ordered.Length - 1; step >= 0; step--)
            after[step] = after[step + 1] + ordered[step].Min(item => item.Priced(multipliers));
        return after;
    }

    private Labels Best(Labels labels, CancellationToken cancellation)
    {
        int[] kept = labels.Undominated(Compared, cancellation);
        if (kept.Length > _width)
        {
            IsComplete = false;
            double[] priced = [.. kept.Select(label => labels.Priced(label, _multipliers))];
            Array.Sort(priced, kept);
            kept = kept[.._width];
        }

        return labels.Take(kept);
    }

    private void Extend(Labels from, Labels to, int step, int itemIndex, in MultipleChoice.Item item)
    {
        Span<long> use = stackalloc long[item.Use.Length];
        double highest = _most + _margin;
        for (int label = 0; label < from.Count; label++)
        {
            long cost = from.Cost[label] + item.Cost;
            bool within = true;
            for (int r = 0; r < use.Length; r++)
            {
                use[r] = from.Use[r][label] + item.Use[r];
                within &= use[r] + _leastAfter[r][step] <= _problem.Limits[r];
            }

            for (int i = 0; i < _bounds.Length && within; i++)
                within = _bounds[i].Of(cost, use, step) <= highest;
            if (within)
                to.Add(cost, use, label, itemIndex);
        }
    }

    /// <summary>A lower bound of what labels end at.</summary>
    /// <param name="Multipliers">One for each resource.</param>
    /// <param name="After">For each step, the bound of the groups from there on.</param>
    private readonly record struct Bound(double[] Multipliers, double[] After)
    {
        public double Of(long cost, ReadOnlySpan<long> use, int step)
        {
            double bound = cost + After[step];
            for (int r = 0; r < use.Length; r++)
                bound += Multipliers[r] * use[r];
            return bound;
        }
    }
}
