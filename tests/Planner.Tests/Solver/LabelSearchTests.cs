using FsCheck;
using FsCheck.Fluent;
using TailorKV.Planner.Solver;

namespace TailorKV.Planner.Tests.Solver;

public sealed class LabelSearchTests
{
    private const int Few = 1 << 8;
    private const int Plenty = 1 << 20;

    private enum Multipliers
    {
        None,
        Random,
        Relaxation,
    }

    [Fact]
    public void The_choice_is_the_best_whatever_the_multipliers()
    {
        int feasible = 0;
        Property.Holds(Cases(mostGroups: 5, mostItems: 5), 3000, one =>
        {
            if (one.Multipliers() is not { } multipliers)
            {
                Assert.Empty(RandomChoice.Feasible(one.Problem));
                return;
            }

            int[]? chosen = Solve(one.Problem, multipliers, long.MaxValue);
            (long, long)? best = Best(one.Problem);
            Assert.Equal(best, chosen is null ? null : Value(one.Problem, chosen));
            if (best is not ({ } cost, _))
                return;
            feasible++;
            Assert.Equal(best, Value(one.Problem, Solve(one.Problem, multipliers, cost)!));
            Assert.Null(Solve(one.Problem, multipliers, cost - 1));
            Assert.True(one.Problem.Bound(multipliers) <= cost + (1e-9 * (Math.Abs(cost) + one.Magnitude(multipliers))));
        });
        Assert.True(feasible > 500);
    }

    [Fact]
    public void With_few_labels_the_search_gives_up_or_is_right()
    {
        int right = 0, gaveUp = 0;
        Property.Holds(Cases(mostGroups: 3, mostItems: 14), 500, one =>
        {
            if (one.Multipliers() is not { } multipliers)
                return;
            var search = new LabelSearch(one.Problem, multipliers, long.MaxValue, Few);
            int[]? chosen = search.Run(default);
            if (search.IsComplete)
            {
                right++;
                Assert.Equal(Best(one.Problem), chosen is null ? null : Value(one.Problem, chosen));
            }
            else
            {
                gaveUp++;
                if (chosen is not null)
                    Assert.Contains(RandomChoice.Feasible(one.Problem), feasible => feasible.Chosen.SequenceEqual(chosen));
            }
        });
        Assert.All(new[] { right, gaveUp }, count => Assert.True(count > 0));
    }

    [Fact]
    public void Scaling_what_is_used_and_the_limits_changes_nothing()
    {
        Property.Holds(Cases(mostGroups: 6, mostItems: 5).SelectMany(one => Gen.Choose(2, 1000), (one, factor) => (one.Problem, Factor: factor)), 500, one =>
        {
            MultipleChoice scaled = new(
                [.. one.Problem.Groups.Select(group => group.Select(item => item with { Use = [.. item.Use.Select(use => use * one.Factor)] }).ToArray())],
                [.. one.Problem.Limits.Select(limit => limit == MultipleChoice.Unlimited ? limit : limit * one.Factor)]);
            Assert.Equal(Solved(one.Problem, one.Factor), Solved(scaled, 1));
        });

        static (long, long)? Solved(MultipleChoice problem, int factor) =>
            problem.Multipliers() is { } multipliers && Solve(problem, multipliers, long.MaxValue) is { } chosen
                && Value(problem, chosen) is ({ } cost, { } use) ? (cost, use * factor) : null;
    }

    private static int[]? Solve(MultipleChoice problem, double[] multipliers, long most)
    {
        var search = new LabelSearch(problem, multipliers, most, Plenty);
        int[]? chosen = search.Run(default);
        Assert.True(search.IsComplete);
        return chosen;
    }

    private static Gen<Case> Cases(int mostGroups, int mostItems) =>
        from problem in RandomChoice.Problems(mostGroups, mostItems)
        from kind in Gen.Elements(Enum.GetValues<Multipliers>())
        from seed in Gen.Choose(0, int.MaxValue - 1)
        select new Case(problem, kind, seed);

    private static (long Cost, long FirstUse)? Best(MultipleChoice problem) =>
        RandomChoice.Feasible(problem).Select(one => ((long, long)?)(one.Cost, one.Use[0])).Min();

    private static (long Cost, long FirstUse)? Value(MultipleChoice problem, int[] chosen)
    {
        (_, long cost, long[] use) = RandomChoice.Sum(problem, chosen);
        Assert.All(use.Zip(problem.Limits), one => Assert.True(one.First <= one.Second));
        return (cost, use[0]);
    }

    private sealed record Case(MultipleChoice Problem, Multipliers Kind, int Seed)
    {
        /// <summary>Multipliers of the case's kind, 0 where there is no limit; null where the relaxation says that nothing is within the limits.</summary>
        public double[]? Multipliers()
        {
            if (Kind == LabelSearchTests.Multipliers.Relaxation)
                return Problem.Multipliers();
            System.Random random = new(Seed);
            return [.. Problem.Limits.Select(limit => limit == MultipleChoice.Unlimited || Kind == LabelSearchTests.Multipliers.None ? 0 : Math.Pow(10, random.Next(-6, 3)) * random.NextDouble())];
        }

        /// <summary>The size of the numbers that a bound is the sum of.</summary>
        public double Magnitude(double[] multipliers) => Problem.Limits.Zip(multipliers, (limit, multiplier) => multiplier * Math.Abs((double)limit)).Sum()
            + Problem.Groups.Sum(group => group.Max(item => Math.Abs((double)item.Cost) + item.Use.Zip(multipliers, (use, multiplier) => multiplier * Math.Abs((double)use)).Sum()));

        public override string ToString() => $"{Kind} {Seed}\n{RandomChoice.Text(Problem)}";
    }
}
