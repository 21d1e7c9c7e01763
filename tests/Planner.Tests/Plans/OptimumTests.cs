using FsCheck.Xunit;
using TailorKV.Planner.Plans;
using TailorKV.Testing;
using static TailorKV.Planner.Tests.Plans.ExhaustivePlans;

namespace TailorKV.Planner.Tests.Plans;

/// <summary>Plans of small problems beside every plan that there is.</summary>
public sealed class OptimumTests : IDisposable
{
    private static readonly string[] LimitNames = ["constraints", "device", "host", "loss", "several", "time"];

    private readonly Tally _tally = new();

    public void Dispose() => _tally.Dispose();

    [Property(Arbitrary = [typeof(Problems.AtOneContext)], MaxTest = 1500)]
    public void A_plan_holds_to_every_limit_and_none_is_better(PlanningProblem problem)
    {
        Plan? plan = problem.Build();
        _tally.Count("feasible", plan is not null, least: 101);
        if (plan is null)
            return;
        Price limits = Limits(problem.Target);
        int smallest = problem.Options.PrefillChunks.Min();
        Price price = PriceOf(problem, plan, plan.PrefillChunk), atSmallest = PriceOf(problem, plan, smallest);
        Assert.Null(plan.Problem());
        Assert.Equal((price.Device, price.Host, price.Time), (plan.Memory.Device, plan.Memory.Host, plan.Time?.TotalNanoseconds ?? 0));
        Assert.True(price.Fits(limits));
        Assert.Equal(("optimal", 0), (plan.Solver!.Status, plan.Solver.Gap));

        Price[] fitting = [.. Of(problem).Where(one => one.Fits(limits))];
        if (problem.Target.Goal == PlanGoal.FewestBytes)
        {
            Assert.Equal(fitting.Min(one => (one.Device, one.Loss)), (price.Device, price.Loss));
            Assert.Equal(price.Device, plan.Solver.Bound);
            return;
        }

        Assert.Equal(fitting.Min(one => one.Loss), price.Loss);
        Assert.Equal(price.Loss * 1e-12, plan.PredictedLoss!.Value, 1e-12);
        Assert.Equal(price.Loss * 1e-12, plan.Solver.Bound, 1e-12);
        Assert.Equal(OfSmallestChunk(problem).Where(one => one.Fits(limits)).Min(one => (one.Loss, one.Device)), (price.Loss, atSmallest.Device));
        Assert.Equal(problem.Options.PrefillChunks.Where(chunk => PriceOf(problem, plan, chunk).Fits(limits)).Max(), plan.PrefillChunk);
    }

    [Property(Arbitrary = [typeof(Problems.AtOneContext)], MaxTest = 1500)]
    public void Where_there_is_no_plan_the_limit_said_would_do_and_nothing_less(PlanningProblem problem)
    {
        Price limits = Limits(problem.Target);
        Price[] all = OfSmallestChunk(problem);
        InfeasiblePlanException? error = all.Any(one => one.Fits(limits)) ? null : Assert.Throws<InfeasiblePlanException>(() => problem.Builder.Build());
        foreach (string name in LimitNames)
            _tally.Count(name, name == error?.Limit, least: 1);
        if (error is null)
        {
            Assert.NotNull(problem.Build());
            return;
        }

        Assert.Contains(error.Limit, LimitNames);
        (string Name, bool Limited, Price Lifted, Func<Price, long> Of, Func<long, PlanTarget> With, double Units)[] kinds =
        [
            ("device", problem.Target.DeviceBytes is not null, limits with { Device = long.MaxValue }, one => one.Device, bytes => problem.Target with { DeviceBytes = bytes }, 1),
            ("host", problem.Target.HostBytes is not null, limits with { Host = long.MaxValue }, one => one.Host, bytes => problem.Target with { HostBytes = bytes }, 1),
            ("time", problem.Target.StepSeconds is not null, limits with { Time = long.MaxValue }, one => one.Time, time => problem.Target with { StepSeconds = time / 1e9 }, 1e9),
            ("loss", problem.Target.Loss is not null, limits with { Loss = long.MaxValue }, one => one.Loss, loss => problem.Target with { Loss = loss / 1e12 }, 1e12),
        ];
        var first = kinds.FirstOrDefault(kind => kind.Limited && all.Any(one => one.Fits(kind.Lifted)));
        if (first.Name is null)
        {
            Assert.Equal(all.Any(one => one.Allowed) ? "several" : "constraints", error.Limit);
            Assert.Null(error.Smallest);
            return;
        }

        long smallest = all.Where(one => one.Fits(first.Lifted)).Min(first.Of);
        Assert.Equal(first.Name, error.Limit);
        Assert.Equal(smallest / first.Units, error.Smallest);
        Assert.NotNull((problem with { Target = first.With(smallest) }).Build());
        Assert.Null((problem with { Target = first.With(smallest - 1) }).Build());
    }

    [Property(Arbitrary = [typeof(Problems.OfMostContext)], MaxTest = 300)]
    public void Most_context_is_the_most_that_any_plan_holds(PlanningProblem problem)
    {
        Price limits = Limits(problem.Target);
        int most = Enumerable.Range(1, problem.Target.Context).LastOrDefault(context => OfSmallestChunk(At(context)).Any(one => one.Fits(limits)));
        Plan? plan = problem.Build();
        _tally.Count("feasible", plan is not null, least: 31);
        Assert.Equal(most, plan?.Target.Context ?? 0);
        if (plan is null)
            return;
        Plan direct = At(most).Builder.Build();
        Assert.Equal(direct.ToJson(), (plan with { Target = direct.Target }).ToJson());

        PlanningProblem At(int context) => problem with { Target = problem.Target with { Context = context, Goal = PlanGoal.LeastLoss } };
    }

    [Property(Arbitrary = [typeof(Problems.Larger)], MaxTest = 150)]
    public void The_same_problem_gives_the_same_bytes(PlanningProblem problem) =>
        Assert.Equal(problem.Build() is { } plan ? plan.ToJson() : null, problem.Build() is { } again ? again.ToJson() : null);
}
