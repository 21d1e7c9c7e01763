using FsCheck;
using FsCheck.Xunit;
using TailorKV.Planner.Solver;

namespace TailorKV.Planner.Tests.Solver;

public sealed class LabelSearchTests : IDisposable
{
    private const int Few = 1 << 8;
    private const int Plenty = 1 << 20;

    private readonly Tally _tally = new();

    public void Dispose() => _tally.Dispose();

    [Property(Arbitrary = [typeof(RandomChoice.Small)], MaxTest = 3000)]
    public void The_choice_is_the_best_whatever_the_multipliers(RandomChoice choice, Prices prices)
    {
        MultipleChoice problem = choice.Problem;
        (long, long)? best = Best(choice);
        _tally.Count("feasible", best is not null, least: 501);
        if (prices.Of(problem) is not { } multipliers)
        {
            Assert.Null(best);
            return;
        }

        int[]? chosen = Solve(problem, multipliers, long.MaxValue);
        Assert.Equal(best, chosen is null ? null : Value(problem, chosen));
        if (best is not ({ } cost, _))
            return;
        Assert.Equal(best, Value(problem, Solve(problem, multipliers, cost)!));
        Assert.Null(Solve(problem, multipliers, cost - 1));
        Assert.True(problem.Bound(multipliers) <= cost + (1e-9 * (Math.Abs(cost) + Magnitude(problem, multipliers))));
    }

    [Property(Arbitrary = [typeof(RandomChoice.Wide)], MaxTest = 500)]
    public void With_few_labels_the_search_gives_up_or_is_right(RandomChoice choice, Prices prices)
    {
        LabelSearch? search = prices.Of(choice.Problem) is { } multipliers ? new(choice.Problem, multipliers, long.MaxValue, Few) : null;
        int[]? chosen = search?.Run(default);
        _tally.Count("right", search is { IsComplete: true }, least: 1);
        _tally.Count("gave up", search is { IsComplete: false }, least: 1);
        if (search is { IsComplete: true })
            Assert.Equal(Best(choice), chosen is null ? null : Value(choice.Problem, chosen));
        else if (chosen is not null)
            Assert.Contains(choice.Feasible(), feasible => feasible.Chosen.SequenceEqual(chosen));
    }

    [Property(Arbitrary = [typeof(RandomChoice.Longer)], MaxTest = 500)]
    public void Scaling_what_is_used_and_the_limits_changes_nothing(RandomChoice choice, DoNotSize<uint> by)
    {
        MultipleChoice problem = choice.Problem;
        int factor = 2 + (int)(by.Item % 999);
        MultipleChoice scaled = new(
            [.. problem.Groups.Select(group => group.Select(item => item with { Use = [.. item.Use.Select(use => use * factor)] }).ToArray())],
            [.. problem.Limits.Select(limit => limit == MultipleChoice.Unlimited ? limit : limit * factor)]);
        Assert.Equal(Solved(problem, factor), Solved(scaled, 1));

        static (long, long)? Solved(MultipleChoice problem, int times) =>
            problem.Multipliers() is { } multipliers && Solve(problem, multipliers, long.MaxValue) is { } chosen
                && Value(problem, chosen) is ({ } cost, { } use) ? (cost, use * times) : null;
    }

    private static int[]? Solve(MultipleChoice problem, double[] multipliers, long most)
    {
        var search = new LabelSearch(problem, multipliers, most, Plenty);
        int[]? chosen = search.Run(default);
        Assert.True(search.IsComplete);
        return chosen;
    }

    private static (long Cost, long FirstUse)? Best(RandomChoice choice) => choice.Feasible().Select(one => ((long, long)?)(one.Cost, one.Use[0])).Min();

    private static (long Cost, long FirstUse)? Value(MultipleChoice problem, int[] chosen)
    {
        (_, long cost, long[] use) = RandomChoice.Sum(problem, chosen);
        Assert.All(use.Zip(problem.Limits), one => Assert.True(one.First <= one.Second));
        return (cost, use[0]);
    }

    // The size of the numbers that a bound is the sum of.
    private static double Magnitude(MultipleChoice problem, double[] multipliers) => problem.Limits.Zip(multipliers, (limit, multiplier) => multiplier * Math.Abs((double)limit)).Sum()
        + problem.Groups.Sum(group => group.Max(item => Math.Abs((double)item.Cost) + item.Use.Zip(multipliers, (use, multiplier) => multiplier * Math.Abs((double)use)).Sum()));
}
