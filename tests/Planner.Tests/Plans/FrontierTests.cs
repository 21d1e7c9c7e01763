using FsCheck.Xunit;
using TailorKV.Planner.Plans;
using TailorKV.Testing;
using static TailorKV.Planner.Tests.Plans.ExhaustivePlans;

namespace TailorKV.Planner.Tests.Plans;

public sealed class FrontierTests : IDisposable
{
    private readonly Tally _tally = new();

    public void Dispose() => _tally.Dispose();

    [Property(MaxTest = 300)]
    public void With_points_enough_the_frontier_is_whole(PlanningProblem problem)
    {
        Price limits = Limits(problem.Target);
        Price[] fitting = [.. OfSmallestChunk(problem).Where(one => one.Fits(limits))];
        if (fitting.Length == 0)
        {
            Assert.Throws<InfeasiblePlanException>(() => Frontier.Trace(problem.Profile, problem.Target, problem.Options));
            return;
        }

        var expected = fitting.Select(one => (one.Device, one.Loss)).Distinct()
            .Where(one => !fitting.Any(other => other.Device <= one.Device && other.Loss <= one.Loss && (other.Device, other.Loss) != one)).Order();
        Assert.Equal(expected, Prices(problem, Frontier.Trace(problem.Profile, problem.Target, problem.Options, points: 10_000)).Select(one => (one.Device, one.Loss)));
    }

    [Property(MaxTest = 120)]
    public void No_point_beats_another_and_each_is_what_its_own_limits_give(PlanningProblem problem)
    {
        bool latency = problem.Target.Machine is not null;
        IReadOnlyList<Plan> frontier = Traced(problem, latency);
        _tally.Count("points", frontier.Count, least: 101);
        Assert.InRange(frontier.Count, 0, 8);
        Price limits = Limits(problem.Target);
        Price[] prices = [.. Prices(problem, frontier)];
        foreach ((Plan plan, Price price) in frontier.Zip(prices))
        {
            Assert.Null(plan.Problem());
            Assert.True(price.Fits(limits));
            Assert.Single(prices, other => other.Device <= price.Device && other.Loss <= price.Loss && (!latency || other.Time <= price.Time));
            PlanTarget own = problem.Target with { Goal = PlanGoal.LeastLoss, DeviceBytes = price.Device, StepSeconds = latency ? price.Time * 1e-9 : problem.Target.StepSeconds };
            int chunk = problem.Options.PrefillChunks.Min();
            Plan direct = new PlanBuilder(problem.Profile, own, problem.Options with { PrefillChunks = [chunk] }).Build();
            Price solved = PriceOf(problem, direct, chunk);
            Assert.Equal((price.Loss, price.Device), (solved.Loss, solved.Device));
        }
    }

    /// <summary>At least one point; none where there is no plan.</summary>
    private static IReadOnlyList<Plan> Traced(PlanningProblem problem, bool latency)
    {
        try
        {
            IReadOnlyList<Plan> frontier = Frontier.Trace(problem.Profile, problem.Target, problem.Options, points: 8, latency);
            Assert.NotEmpty(frontier);
            return frontier;
        }
        catch (InfeasiblePlanException)
        {
            return [];
        }
    }

    private static IEnumerable<Price> Prices(PlanningProblem problem, IReadOnlyList<Plan> plans) => plans.Select(plan => PriceOf(problem, plan, plan.PrefillChunk));
}
