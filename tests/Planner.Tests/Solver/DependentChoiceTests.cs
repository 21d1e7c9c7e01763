using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;
using TailorKV.Planner.Solver;

namespace TailorKV.Planner.Tests.Solver;

/// <summary>Choices whose items wait for the item before, and choices that must use a resource exactly, beside every choice that there is.</summary>
public sealed class DependentChoiceTests
{
    [Property(Arbitrary = [typeof(Choices)], MaxTest = 1000)]
    public void The_choice_is_the_best(Choice choice)
    {
        MultipleChoice problem = choice.Problem();
        var best = All(problem).Where(one => Holds(problem, one)).Select(one => ((long, long)?)Value(problem, one)).Min();
        if (problem.Multipliers() is not { } multipliers)
        {
            Assert.Null(best);
            return;
        }

        foreach (double[] tried in new[] { multipliers, new double[multipliers.Length] })
        {
            var search = new LabelSearch(problem, tried, long.MaxValue, 1 << 16);
            int[]? chosen = search.Run(default);
            Assert.True(search.IsComplete);
            Assert.Equal(best, chosen is null ? null : Value(problem, chosen));
            if (chosen is not null)
                Assert.True(Holds(problem, chosen));
        }
    }

    [Property(Arbitrary = [typeof(Choices)], MaxTest = 1000)]
    public void No_choice_is_below_its_bound(Choice choice)
    {
        MultipleChoice problem = choice.Problem();
        if (problem.Multipliers() is not { } multipliers)
            return;
        var bounds = new LagrangianBounds(problem, problem.Groups, multipliers);
        double[][] through = bounds.BoundsThrough();
        foreach (int[] one in All(problem).Where(one => Holds(problem, one)))
        {
            double cost = Value(problem, one).Cost, rounding = 1e-9 * (1 + Math.Abs(cost) + Math.Abs(bounds.Least));
            Assert.True(problem.Bound(multipliers) <= cost);
            Assert.All(one, (item, group) => Assert.True(through[group][item] <= cost + rounding));
        }

        // The cheapest choice at these prices is what the bound is the price of.
        MultipleChoice.Item cheapest = problem.Sum(bounds.Cheapest());
        double priced = cheapest.Priced(multipliers) - multipliers.Zip(problem.Limits, (multiplier, limit) => multiplier == 0 ? 0 : multiplier * limit).Sum();
        Assert.Equal(bounds.Least, priced, 1e-6 * (1 + Math.Abs(priced)));
        Assert.All(through, group => Assert.Equal(bounds.Least, group.Min(), 1e-6 * (1 + Math.Abs(priced))));
    }

    private static IEnumerable<int[]> All(MultipleChoice problem) => problem.Groups.Aggregate(
        (IEnumerable<int[]>)[[]], (choices, group) => choices.SelectMany(_ => Enumerable.Range(0, group.Count), (chosen, item) => (int[])[.. chosen, item]));

    // Not by the problem's own sums.
    private static (long Cost, long[] Use) Sum(MultipleChoice problem, int[] chosen)
    {
        long cost = 0, before = 0;
        long[] use = new long[problem.Limits.Count];
        foreach (MultipleChoice.Item item in chosen.Select((item, group) => problem.Groups[group][item]))
        {
            long wait = problem.UnitWait is null || item.Prefetch < before ? 0 : item.Prefetch - before;
            cost += item.Cost + (wait * (problem.UnitWait?.Cost ?? 0));
            for (int r = 0; r < use.Length; r++)
                use[r] += item.Use[r] + (wait * (problem.UnitWait?.Use[r] ?? 0));
            before = item.Hides;
        }

        return (cost, use);
    }

    private static (long Cost, long FirstUse) Value(MultipleChoice problem, int[] chosen) => Sum(problem, chosen) is var (cost, use) ? (cost, use[0]) : default;

    private static bool Holds(MultipleChoice problem, int[] chosen) => Sum(problem, chosen).Use.Zip(problem.Limits)
        .Select((one, r) => problem.IsExact(r) ? one.First == one.Second : one.First <= one.Second).All(holds => holds);

    /// <summary>A problem of one or two resources, of which the last may be one to use exactly; numbers of an item: cost, uses, prefetch, hides.</summary>
    public sealed record Choice(int[][][] Groups, int[] Limits, bool Exactly, bool Waits, bool WaitCosts)
    {
        internal MultipleChoice Problem() => new(
            [.. Groups.Select(group => group.Select(item => new MultipleChoice.Item(item[0], [item[1], item[2]], Math.Abs(item[3]), Math.Abs(item[4]))).ToArray())],
            [.. Limits.Select(limit => (long)limit)])
        {
            Equalities = Exactly ? 1 : 0,
            UnitWait = Waits ? new MultipleChoice.Item(WaitCosts ? 1 : 0, Exactly ? [1, 0] : [0, 1]) : null,
        };

        public override string ToString() =>
            $"{string.Join(" / ", Groups.Select(group => string.Join(" | ", group.Select(item => string.Join(' ', item)))))}; limits {string.Join(' ', Limits)} {(Exactly, Waits, WaitCosts)}";
    }

    public static class Choices
    {
        public static Arbitrary<Choice> Choice() => Arb.From(
            from groups in Gen.Choose(-5, 20).ArrayOf(5).NonEmptyListOf().Select(items => items.Take(4).ToArray()).NonEmptyListOf().Select(groups => groups.Take(5).ToArray())
            from some in Gen.Choose(0, 3).ArrayOf(groups.Length)
            from more in Gen.Choose(-1, 5).ArrayOf(2)
            from flags in Gen.Elements(true, false).ArrayOf(3)
            let taken = groups.Select((items, g) => items[some[g] % items.Length]).ToArray()
            select new Choice(groups, [taken.Sum(item => item[1]) + more[0], taken.Sum(item => item[2]) + Math.Max(0, more[1] - 3)], flags[0], flags[1], flags[2]),
            Shrink);

        private static IEnumerable<Choice> Shrink(Choice choice)
        {
            foreach (int[][][] groups in SimplerLists.Smaller<int[]>(choice.Groups, _ => []))
                yield return choice with { Groups = groups };
            if (choice.Waits)
                yield return choice with { Waits = false };
            if (choice.Exactly)
                yield return choice with { Exactly = false };
        }
    }
}
