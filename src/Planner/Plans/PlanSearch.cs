using TailorKV.Planner.Solver;

namespace TailorKV.Planner.Plans;

/// <summary>
/// Finds the best choice under limits. For one setting at a time it is a <see cref="MultipleChoice"/>; settings are taken in order of their Lagrangian bounds, until
/// none that is left can hold a better choice. What that does not decide, prefetches whose overlap matters and programs with too many near equals, goes to CBC whole.
/// </summary>
internal sealed class PlanSearch(PricedProfile priced, Measures limits, Measure objective, Measure tieBreak)
{
    private const int FewestLabels = 1 << 8;
    private const int MostLabels = 1 << 20;
    private const int Widening = 1 << 3;

    private readonly Measure[] _resources =
        [tieBreak, .. Enum.GetValues<Measure>().Where(measure => measure != objective && measure != tieBreak && limits[measure] != Measures.Unlimited)];

    private PricedProfile Priced => priced;

    private Measures Limits => limits;

    private Measure Objective => objective;

    private bool TimeCounts => objective == Measure.Time || tieBreak == Measure.Time || limits.Time != Measures.Unlimited;

    /// <summary>Finds the choice of least objective, and among equals of least tie-break; null where nothing holds to the limits.</summary>
    /// <param name="timeLimit">Ends the search with the best choice found; null for none.</param>
    /// <param name="cancellation">Ends the search with nothing.</param>
    /// <exception cref="TailorKVException">The time limit came before any solution.</exception>
    /// <exception cref="SolverUnavailableException">COIN-OR's libraries are not installed.</exception>
    public PlanChoice? Solve(TimeSpan? timeLimit, CancellationToken cancellation)
    {
        using var deadline = new CancellationTokenSource();
        if (timeLimit is { } limit)
            deadline.CancelAfter(limit);
        try
        {
            if (!TimeCounts || priced.Layers.All(layer => layer.All(option => option.Prefetch == 0)))
                return Search(Overlap.None, deadline.Token, cancellation);

            // How long a layer waits depends on the layer before it: at least as long as after the slowest option there, at most as long as after the quickest.
            PlanChoice? relaxed = Search(Overlap.Most, deadline.Token, cancellation);
            if (relaxed is null)
                return null;
            PlanChoice exact = Exact(relaxed);
            if (exact.Total.Within(limits) && SameValue(exact, relaxed))
                return exact;
            PlanChoice? restricted = Search(Overlap.Least, deadline.Token, cancellation);
            if (restricted is not null && SameValue(restricted, relaxed))
                return Exact(restricted) with { Bound = relaxed.Bound, Status = relaxed.Status };
        }
        catch (TooManyLabelsException) when (!deadline.IsCancellationRequested)
        {
        }
        catch (TooManyLabelsException)
        {
            throw new TailorKVException($"no plan was found within {timeLimit}", "Give it more time or looser limits");
        }

        return new PlanProgram(priced, limits, objective).Solve(objective, tieBreak, timeLimit, cancellation);
    }

    private bool SameValue(PlanChoice a, PlanChoice b) => (a.Total[objective], a.Total[tieBreak]) == (b.Total[objective], b.Total[tieBreak]);

    private PlanChoice Exact(PlanChoice choice) => choice with { Total = priced.Total(choice.Setting, choice.Options) };

    private PlanChoice? Search(Overlap overlap, CancellationToken deadline, CancellationToken cancellation)
    {
        MultipleChoice.Item[][] items = [.. priced.Layers.Select(layer => layer.Select(option => Item(option, wait: 0)).ToArray())];
        var open = priced.Settings.Select(setting => Candidate.Of(this, setting, items, overlap)).OfType<Candidate>().ToList();
        PlanChoice? best = null;
        while (open.Count > 0)
        {
            cancellation.ThrowIfCancellationRequested();
            if (best is not null)
                open.RemoveAll(candidate => candidate.Bound > best.Total[objective] + Rounding(best.Total[objective]));
            // Quick searches of all settings come before a thorough one of any: what they find spares most of the work.
            if (open.MinBy(candidate => (candidate.Width, candidate.Bound)) is not { } next)
                break;
            if (next.Multipliers is null)
            {
                next.Problem = next.Problem.Tightened();
                if ((next.Multipliers = next.Problem.Multipliers()) is { } multipliers)
                    open.ForEach(candidate => candidate.Tighten(objective, multipliers));
                else
                    open.Remove(next);
                continue;
            }

            long known = best is null ? long.MaxValue : best.Total[objective] - next.Setting.Fixed[objective];
            var search = new LabelSearch(next.Problem, next.Multipliers, known, next.Width);
            if (search.Run(deadline, cancellation) is { } chosen)
            {
                (PricedOption Option, long Wait)[] options = [.. chosen.Select((item, layer) => next.Options[layer][item])];
                Measures total = options.Aggregate(next.Setting.Fixed, (sum, option) => sum + WithWait(option.Option, option.Wait));
                if (best is null || (total[objective], total[tieBreak]).CompareTo((best.Total[objective], best.Total[tieBreak])) < 0)
                    best = new PlanChoice(next.Setting, [.. options.Select(option => option.Option)], total, SolverStatus.Optimal, total[objective]);
            }

            if (search.IsComplete)
                open.Remove(next);
            else if (deadline.IsCancellationRequested && best is not null)
                return best with { Status = SolverStatus.Feasible, Bound = (long)Math.Min(best.Total[objective], Math.Ceiling(open.Min(candidate => candidate.Bound))) };
            else if (deadline.IsCancellationRequested || next.Width >= MostLabels)
                throw new TooManyLabelsException();
            else
                next.Width *= Widening;
        }

        return best;
    }

    private static Measures WithWait(PricedOption option, long wait) => option.Own with { Time = option.Own.Time + wait };

    private MultipleChoice.Item Item(PricedOption option, long wait)
    {
        Measures own = WithWait(option, wait);
        return new MultipleChoice.Item(
            own[objective],
            [
                .. _resources.Select(measure => own[measure]),
                .. limits[objective] == Measures.Unlimited ? [] : new[] { own[objective] },
                .. priced.Constraints.SelectMany((constraint, c) => Signs(constraint).Select(sign => sign * option.Custom[c])),
            ]);
    }

    private long[] LimitsUnder(Setting setting) =>
    [
        .. _resources.Select(measure => limits[measure] == Measures.Unlimited ? MultipleChoice.Unlimited : limits[measure] - setting.Fixed[measure]),
        .. limits[objective] == Measures.Unlimited ? [] : new[] { limits[objective] - setting.Fixed[objective] },
        .. priced.Constraints.SelectMany(constraint => Signs(constraint).Select(sign => sign * constraint.RightHandSide)),
    ];

    // At most is a resource, at least one of the opposite sign, and equal both.
    private static int[] Signs(PlanConstraint constraint) => constraint.Sense switch
    {
        ConstraintSense.AtMost => [1],
        ConstraintSense.AtLeast => [-1],
        _ => [1, -1],
    };

    private static double Rounding(double value) => 1 + (1e-9 * Math.Abs(value));

    /// <summary>How much of a layer's prefetch is taken to overlap the layer before.</summary>
    private enum Overlap
    {
        /// <summary>There are no prefetches, or times do not count.</summary>
        None,

        /// <summary>As much as the quickest option there allows.</summary>
        Least,

        /// <summary>As much as the slowest option there allows.</summary>
        Most,
    }

    /// <summary>One setting with what it leaves to choose.</summary>
    private sealed class Candidate
    {
        public required Setting Setting { get; init; }

        public required List<(PricedOption Option, long Wait)>[] Options { get; init; }

        public required MultipleChoice Problem { get; set; }

        /// <summary>Nothing under the setting has a smaller objective.</summary>
        public double Bound { get; private set; } = double.NegativeInfinity;

        /// <summary>How many labels the next search of it keeps.</summary>
        public int Width { get; set; } = FewestLabels;

        /// <summary>The relaxation's multipliers; null before they are asked for.</summary>
        public double[]? Multipliers { get; set; }

        /// <summary>What a setting leaves to choose; null where it leaves a layer without options.</summary>
        /// <param name="search">What is searched for.</param>
        /// <param name="setting">The setting.</param>
        /// <param name="items">All options as items that wait for nothing.</param>
        /// <param name="overlap">How long options wait.</param>
        public static Candidate? Of(PlanSearch search, Setting setting, MultipleChoice.Item[][] items, Overlap overlap)
        {
            var options = new List<(PricedOption Option, long Wait)>[items.Length];
            var left = new List<MultipleChoice.Item>[items.Length];
            long hidden = 0;
            for (int layer = 0; layer < items.Length; layer++)
            {
                (options[layer], left[layer]) = ([], []);
                IReadOnlyList<PricedOption> all = search.Priced.Layers[layer];
                (long quickest, long slowest) = (long.MaxValue, 0);
                for (int i = 0; i < all.Count; i++)
                {
                    if (!setting.Allows(all[i]))
                        continue;
                    long wait = overlap == Overlap.None ? 0 : Math.Max(0, all[i].Prefetch - hidden);
                    options[layer].Add((all[i], wait));
                    left[layer].Add(wait == 0 ? items[layer][i] : search.Item(all[i], wait));
                    (quickest, slowest) = (Math.Min(quickest, all[i].Own.Time), Math.Max(slowest, all[i].Own.Time));
                }

                if (left[layer].Count == 0)
                    return null;
                hidden = setting.LayerTime + (overlap == Overlap.Most ? slowest : quickest);
            }

            return new Candidate { Setting = setting, Options = options, Problem = new MultipleChoice(left, search.LimitsUnder(setting)) };
        }

        /// <summary>Raises the bound by multipliers found for this setting or another.</summary>
        public void Tighten(Measure objective, double[] multipliers) => Bound = Math.Max(Bound, Setting.Fixed[objective] + Problem.Bound(multipliers));
    }
}
