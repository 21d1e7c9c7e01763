using FsCheck;
using FsCheck.Fluent;
using TailorKV.Planner.Plans;
using TailorKV.Testing;
using static TailorKV.Planner.Tests.Plans.ExhaustivePlans;

namespace TailorKV.Planner.Tests.Plans;

public sealed class FrontierTests
{
    [Fact]
    public void With_points_enough_the_frontier_is_whole()
    {
        Holds(300, problem =>
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
        });
    }

    [Fact]
    public void No_point_beats_another_and_each_is_what_its_own_limits_give()
    {
        int points = 0;
        Holds(120, problem =>
        {
            bool latency = problem.Target.Machine is not null;
            IReadOnlyList<Plan> frontier;
            try
            {
                frontier = Frontier.Trace(problem.Profile, problem.Target, problem.Options, points: 8, latency);
            }
            catch (InfeasiblePlanException)
            {
                return;
            }

            points += frontier.Count;
            Assert.InRange(frontier.Count, 1, 8);
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
        });
        Assert.True(points > 100);
    }

    private static IEnumerable<Price> Prices(PlanningProblem problem, IReadOnlyList<Plan> plans) => plans.Select(plan => PriceOf(problem, plan, plan.PrefillChunk));

    private static void Holds(int count, Action<PlanningProblem> body)
    {
        Property.Holds(Arbitraries.PlanningProblem(), count, body);
    }
}
