using TailorKV.Planner.Machines;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Profiles;
using TailorKV.Planner.Solver;
using TailorKV.Tests;

namespace TailorKV.Planner.Tests.Plans;

/// <summary>What a limit of time leaves. No test waits for a clock: a limit of nothing is over when it begins.</summary>
public sealed class TimeLimitTests
{
    private static readonly ModelProfile Profile = ModelProfile.Load(Path.Combine(SharedData.Root, "plans", "llama-3.1-8b", "profile.json"));

    private static readonly PlanTarget Target = new() { Context = 131072, DeviceBytes = 23L << 30, Machine = Machine.Load("rtx-3090"), StepSeconds = 33e-3 };

    private static readonly Measures Limits = new(Measures.Unlimited, 23L << 30, Measures.Unlimited, 33_000_000);

    [Theory]
    [InlineData(PlanGoal.LeastLoss)]
    [InlineData(PlanGoal.MostContext)]
    public void Without_a_plan_it_says_that_none_was_found_and_not_that_there_is_none(PlanGoal goal) =>
        Assert.Throws<NoPlanInTimeException>(() => new PlanBuilder(Profile, Target with { Goal = goal }).Build(TimeSpan.Zero));

    [Fact]
    public void A_plan_that_is_held_is_given_as_feasible_with_a_bound()
    {
        var priced = new PricedProfile(Profile, Target, new PlanOptions(), 512);
        PlanChoice held = new PlanSearch(priced, Limits, Measure.Device, Measure.Loss).Solve(default, default)!;
        PlanChoice best = new PlanSearch(priced, Limits, Measure.Loss, Measure.Device).Solve(default, default)!;
        PlanChoice stopped = new PlanSearch(priced, Limits, Measure.Loss, Measure.Device, held).Solve(new CancellationToken(canceled: true), default)!;
        Assert.Equal((SolverStatus.Feasible, held.Total), (stopped.Status, stopped.Total));
        Assert.True(stopped.Bound <= best.Total.Loss && best.Total.Loss <= held.Total.Loss);
    }

    [Fact]
    public void Cancellation_gives_nothing_even_where_a_plan_is_held()
    {
        var priced = new PricedProfile(Profile, Target, new PlanOptions(), 512);
        PlanChoice held = new PlanSearch(priced, Limits, Measure.Device, Measure.Loss).Solve(default, default)!;
        Assert.ThrowsAny<OperationCanceledException>(() => new PlanSearch(priced, Limits, Measure.Loss, Measure.Device, held).Solve(default, new CancellationToken(canceled: true)));
    }

    [Fact]
    public void What_binds_is_left_open_where_no_time_is_left()
    {
        Plan plan = new PlanBuilder(Profile, Target).Build();
        IReadOnlyList<LimitEffect> open = LimitEffect.Of(Profile, plan, timeLimit: TimeSpan.Zero), solved = LimitEffect.Of(Profile, plan);
        Assert.Equal(["device", "time"], open.Select(effect => effect.Limit));
        Assert.All(open, effect => Assert.Equal((null, null, null), (effect.Binds, effect.WithMore, effect.WithLess)));
        Assert.All(solved, effect => Assert.NotNull(effect.Binds));
        Assert.All(solved, effect => Assert.True(effect.WithMore!.PredictedLoss <= plan.PredictedLoss));
    }

    /// <summary>Time given in plenty changes nothing of the plan.</summary>
    [Fact]
    public void A_limit_that_is_not_reached_changes_nothing() =>
        Assert.Equal(new PlanBuilder(Profile, Target).Build().ToJson(), new PlanBuilder(Profile, Target).Build(TimeSpan.FromHours(1)).ToJson());
}
