using TailorKV.Planner.Solver;

namespace TailorKV.Planner.Plans;

/// <summary>
/// Finds the best choice under limits. For one setting at a time it is a <see cref="MultipleChoice"/>; settings are taken in order of their Lagrangian bounds, until
/// none that is left can hold a better choice. Where too many partial choices are nearly equal, the whole program goes to an integer solver.
/// </summary>
/// <param name="priced">What to choose from.</param>
/// <param name="limits">The limits.</param>
/// <param name="objective">What to make least.</param>
/// <param name="tieBreak">What to make least among equals.</param>
/// <param name="fallback">A choice within the limits, known from elsewhere, for when the time ends before any is found; null for none.</param>
internal sealed class PlanSearch(PricedProfile priced, Measures limits, Measure objective, Measure tieBreak, PlanChoice? fallback = null)
{
    private const int FirstWidth = 1 << 8;
    private const int WidthGrowth = 1 << 3;

    // Labels and the integer solver take turns: so many labels at most, so many while no plan is known (without one labels have nothing to be measured against), and so much work of the
    // integer solver, in its deterministic seconds.
    private static readonly (int Labels, int LabelsWithoutPlan, double Work)[] Rounds = [(1 << 17, FirstWidth, 3), (1 << 20, 1 << 20, double.PositiveInfinity)];

    // Numbers that all labels of a search may hold: a gigabyte.
    private const int MostNumbers = 1 << 24;

    // What is limited by measures, the tie-break first whether it is or not.
    private readonly Measure[] _limited = [tieBreak, .. Enum.GetValues<Measure>().Where(measure => measure != tieBreak && limits[measure] != Measures.Unlimited)];

    private readonly int[] _inequalities = [.. Binding(priced).Where(c => priced.Constraints[c].Sense != ConstraintSense.Equal)];
    private readonly int[] _equalities = [.. Binding(priced).Where(c => priced.Constraints[c].Sense == ConstraintSense.Equal)];

    private PlanChoice? _incumbent;
    private bool _breaksTies;
    private double _bound = double.NegativeInfinity;

    /// <summary>How the time that a layer waits for what it prefetches is reckoned.</summary>
    private enum WaitModel
    {
        /// <summary>There are no prefetches, or times do not count.</summary>
        None,

        /// <summary>As if the layer before had its slowest option, behind which most is hidden: never more than the true wait.</summary>
        LowerBound,

        /// <summary>By the option that the layer before has.</summary>
        Exact,
    }

    private PricedProfile Priced => priced;

    /// <summary>Finds the choice of least objective, and among equals of least tie-break; null where it is proved that nothing holds to the limits.</summary>
    /// <param name="deadline">Ends the search with the best choice found.</param>
    /// <param name="cancellation">Ends the search with nothing.</param>
    /// <exception cref="NoPlanInTimeException">The deadline came before any solution.</exception>
    public PlanChoice? Solve(CancellationToken deadline, CancellationToken cancellation)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(deadline, cancellation);
        try
        {
            foreach ((int labels, int withoutPlan, double work) in Rounds)
            {
                if (SearchLabels(labels, withoutPlan, stop.Token, out PlanChoice? best))
                    return best is null ? null : best with { Status = SolverStatus.Optimal, Bound = best.Total[objective] };
                PlanChoice? whole = new PlanProgram(priced, limits, objective).Solve(objective, tieBreak, work, stop.Token, out bool proved);
                KeepBetter(whole);
                _bound = Math.Max(_bound, whole?.Bound ?? double.NegativeInfinity);
                if (proved)
                    return whole;
                stop.Token.ThrowIfCancellationRequested();
            }

            throw new TailorKVException("the solver ran out of memory before the best plan was proved", "Give a limit of time (--time-limit) to settle for the best plan found by then");
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            PlanChoice best = _incumbent ?? fallback ?? throw new NoPlanInTimeException();
            long least = Math.Max(TrivialBound(), double.IsNegativeInfinity(_bound) ? long.MinValue : (long)Math.Ceiling(_bound));
            return best with { Status = SolverStatus.Feasible, Bound = Math.Min(least, best.Total[objective]) };
        }
    }

    // A constraint that every choice holds to is none.
    private static IEnumerable<int> Binding(PricedProfile priced)
    {
        for (int c = 0; c < priced.Constraints.Count; c++)
        {
            PlanConstraint constraint = priced.Constraints[c];
            int index = c;
            long least = priced.Layers.Sum(layer => layer.Min(option => option.Custom[index])), most = priced.Layers.Sum(layer => layer.Max(option => option.Custom[index]));
            if ((constraint.Sense != ConstraintSense.AtLeast && most > constraint.RightHandSide) || (constraint.Sense != ConstraintSense.AtMost && least < constraint.RightHandSide))
                yield return c;
        }
    }

    // Whether labels decided; what they decided may be that there is no choice.
    private bool SearchLabels(int most, int mostWithoutPlan, CancellationToken stop, out PlanChoice? best)
    {
        bool waits = (objective == Measure.Time || limits.Time != Measures.Unlimited) && priced.Layers.Any(layer => layer.Any(option => option.Prefetch > 0));
        if (!waits)
            return Search(WaitModel.None, most, mostWithoutPlan, stop, out best);

        // Without waits in it a choice need not be made from the first layer to the last, and is made far quicker. Mostly it is the best one with them too.
        if (Search(WaitModel.LowerBound, most, mostWithoutPlan, stop, out best))
        {
            if (best is null)
                return true;
            PlanChoice exact = best with { Total = priced.Total(best.Setting, best.Options) };
            if (exact.Total.Within(limits))
                KeepBetter(exact);
            if (exact.Total.Within(limits) && Value(exact) == Value(best))
            {
                best = exact;
                return true;
            }
        }

        return Search(WaitModel.Exact, most, mostWithoutPlan, stop, out best);
    }

    private bool Search(WaitModel waits, int most, int mostWithoutPlan, CancellationToken stop, out PlanChoice? best)
    {
        most = Math.Min(most, MostNumbers / (_limited.Length + _inequalities.Length + _equalities.Length + 2));
        MultipleChoice.Item[][] items = [.. priced.Layers.Select(layer => layer.Select(option => Item(option, wait: 0)).ToArray())];
        var open = priced.Settings.Select(setting => Candidate.Of(this, setting, items, waits)).OfType<Candidate>().ToList();
        best = _incumbent;
        while (open.Count > 0)
        {
            stop.ThrowIfCancellationRequested();
            if (best is not null)
            {
                long value = best.Total[objective];
                open.RemoveAll(candidate => candidate.Bound > value + Rounding(value));
                // Settings that differ in bytes alone have one bound of time or loss. Where none of them can be better than the choice found, their bounds of the tie-break tell them apart.
                if (!_breaksTies && open.Count > 1 && open.TrueForAll(candidate => candidate.Bound > value - 1))
                    return BreakTies(best, waits, most, mostWithoutPlan, stop, out best);
            }

            // Quick searches of all settings come before a thorough one of any: what they find spares most of the work.
            if (open.MinBy(candidate => (candidate.Width, candidate.Bound)) is not { } next)
                break;
            _bound = Math.Max(_bound, Math.Min(open.Min(candidate => candidate.Bound), best?.Total[objective] ?? double.PositiveInfinity));
            if (best is null && next.Width > mostWithoutPlan)
                return false;
            if (next.Multipliers is null)
            {
                next.Problem = next.Problem.Tightened();
                if ((next.Multipliers = next.Problem.Multipliers(stop)) is { } multipliers)
                    open.ForEach(candidate => candidate.Tighten(objective, multipliers));
                else
                    open.Remove(next);
                continue;
            }

            long known = best is null ? long.MaxValue : best.Total[objective] - next.Setting.Fixed[objective];
            var search = new LabelSearch(next.Problem, next.Multipliers, known, next.Width);
            if (search.Run(stop) is { } chosen)
            {
                PlanChoice choice = next.Choice(this, chosen, waits);
                if (best is null || Value(choice).CompareTo(Value(best)) < 0)
                    best = choice;
                if (waits != WaitModel.LowerBound)
                    KeepBetter(choice);
            }

            if (search.IsComplete)
                open.Remove(next);
            else if (next.Width >= most)
                return false;
            else
                next.Width = Math.Min(most, next.Width * WidthGrowth);
        }

        _bound = best is null ? _bound : Math.Max(_bound, best.Total[objective]);
        return true;
    }

    // The least tie-break of the choices that make as little of the objective as one that is known to make least of it.
    private bool BreakTies(PlanChoice known, WaitModel waits, int most, int mostWithoutPlan, CancellationToken stop, out PlanChoice? best)
    {
        var search = new PlanSearch(priced, limits.With(objective, known.Total[objective]), tieBreak, objective) { _incumbent = known, _breaksTies = true };
        bool decided = search.Search(waits, most, mostWithoutPlan, stop, out best);
        if (waits != WaitModel.LowerBound)
            KeepBetter(best);
        return decided;
    }

    private (long, long) Value(PlanChoice choice) => (choice.Total[objective], choice.Total[tieBreak]);

    private void KeepBetter(PlanChoice? choice)
    {
        if (choice is not null && (_incumbent is null || Value(choice).CompareTo(Value(_incumbent)) < 0))
            _incumbent = choice;
    }

    private long TrivialBound() => priced.Settings.Min(setting => setting.Fixed[objective]) + priced.Layers.Sum(layer => layer.Min(option => option.Own[objective]));

    private MultipleChoice.Item Item(PricedOption option, long wait)
    {
        Measures own = option.Own with { Time = option.Own.Time + wait };
        return new MultipleChoice.Item(
            own[objective],
            [
                .. _limited.Select(measure => own[measure]),
                .. _inequalities.Select(c => Sign(c) * option.Custom[c]),
                .. _equalities.Select(c => option.Custom[c]),
            ]);
    }

    private MultipleChoice Problem(Setting setting, IReadOnlyList<IReadOnlyList<MultipleChoice.Item>> groups, WaitModel waits) => new(
        groups,
        [
            .. _limited.Select(measure => limits[measure] == Measures.Unlimited ? MultipleChoice.Unlimited : limits[measure] - setting.Fixed[measure]),
            .. _inequalities.Select(c => Sign(c) * priced.Constraints[c].RightHandSide),
            .. _equalities.Select(c => priced.Constraints[c].RightHandSide),
        ])
    {
        Equalities = _equalities.Length,
        UnitWait = waits != WaitModel.Exact ? null : new MultipleChoice.Item(
            objective == Measure.Time ? 1 : 0,
            [.. _limited.Select(measure => measure == Measure.Time ? 1L : 0), .. new long[_inequalities.Length + _equalities.Length]]),
    };

    // At least is at most of the opposite sign.
    private int Sign(int constraint) => priced.Constraints[constraint].Sense == ConstraintSense.AtLeast ? -1 : 1;

    private static double Rounding(double value) => 1 + (1e-9 * Math.Abs(value));

    /// <summary>One setting with what it leaves to choose.</summary>
    private sealed class Candidate
    {
        public required Setting Setting { get; init; }

        public required List<(PricedOption Option, long Wait)>[] Options { get; init; }

        public required MultipleChoice Problem { get; set; }

        /// <summary>Nothing under the setting has a smaller objective.</summary>
        public double Bound { get; private set; } = double.NegativeInfinity;

        /// <summary>How many labels the next search of it keeps.</summary>
        public int Width { get; set; } = FirstWidth;

        /// <summary>The relaxation's multipliers; null before they are asked for.</summary>
        public double[]? Multipliers { get; set; }

        /// <summary>What a setting leaves to choose; null where it leaves a layer without options, or one limit alone leaves no choice.</summary>
        /// <param name="search">What is searched for.</param>
        /// <param name="setting">The setting.</param>
        /// <param name="items">All options as items that wait for nothing.</param>
        /// <param name="waits">How options wait.</param>
        public static Candidate? Of(PlanSearch search, Setting setting, MultipleChoice.Item[][] items, WaitModel waits)
        {
            var options = new List<(PricedOption Option, long Wait)>[items.Length];
            var left = new List<MultipleChoice.Item>[items.Length];
            long hidden = 0;
            for (int layer = 0; layer < items.Length; layer++)
            {
                (options[layer], left[layer]) = ([], []);
                IReadOnlyList<PricedOption> all = search.Priced.Layers[layer];
                long slowest = 0;
                for (int i = 0; i < all.Count; i++)
                {
                    if (!setting.Allows(all[i]))
                        continue;
                    long wait = waits == WaitModel.LowerBound ? Math.Max(0, all[i].Prefetch - hidden) : 0;
                    options[layer].Add((all[i], wait));
                    left[layer].Add(
                        waits == WaitModel.Exact ? items[layer][i] with { Prefetch = all[i].Prefetch, Hides = all[i].Own.Time + setting.LayerTime }
                        : wait == 0 ? items[layer][i]
                        : search.Item(all[i], wait));
                    slowest = Math.Max(slowest, all[i].Own.Time);
                }

                if (left[layer].Count == 0)
                    return null;
                hidden = setting.LayerTime + slowest;
            }

            MultipleChoice problem = search.Problem(setting, left, waits);
            return problem.IsHopeless ? null : new Candidate { Setting = setting, Options = options, Problem = problem };
        }

        /// <summary>Raises the bound by multipliers found for this setting or another.</summary>
        public void Tighten(Measure objective, double[] multipliers) => Bound = Math.Max(Bound, Setting.Fixed[objective] + Problem.Bound(multipliers));

        /// <summary>What a search chose; its time is as its options were taken to wait.</summary>
        public PlanChoice Choice(PlanSearch search, int[] chosen, WaitModel waits)
        {
            (PricedOption Option, long Wait)[] options = [.. chosen.Select((item, layer) => Options[layer][item])];
            PricedOption[] own = [.. options.Select(option => option.Option)];
            Measures total = search.Priced.Total(Setting, own);
            if (waits == WaitModel.LowerBound)
                total = total with { Time = options.Aggregate(Setting.Fixed.Time, (sum, option) => sum + option.Option.Own.Time + option.Wait) };
            return new PlanChoice(Setting, own, total, SolverStatus.Optimal, total[search.Objective]);
        }
    }

    private Measure Objective => objective;
}
