using TailorKV.Planner.Machines;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Profiles;
using TailorKV.Planner.Solver;
using TailorKV.Tests;

namespace TailorKV.Planner.Tests.Plans;

/// <summary>Plans under a time for each token: layers of one shape whose options come in few sizes, which partial choices by the million used to be kept of.</summary>
public sealed class StepLimitTests
{
    [Theory]
    [InlineData(28, null)]
    [InlineData(30, null)]
    [InlineData(32, null)]
    [InlineData(33, 0.064384)]
    [InlineData(33.5, null)]
    [InlineData(33.9, null)]
    [InlineData(34, null)]
    public void Llama_is_planned_with_proof(double milliseconds, double? loss)
    {
        ModelProfile profile = ModelProfile.Load(Path.Combine(SharedData.Root, "plans", "llama-3.1-8b", "profile.json"));
        PlanTarget target = new() { Context = 131072, DeviceBytes = 23L << 30, Machine = Machine.Load("rtx-3090"), StepSeconds = milliseconds / 1000 };
        Plan plan = new PlanBuilder(profile, target).Build();
        Assert.Equal(("optimal", 0), (plan.Solver!.Status, plan.Solver.Gap));
        Assert.True(plan.Memory.Device <= target.DeviceBytes && plan.Time!.TotalNanoseconds <= milliseconds * 1e6);
        // HiGHS' optimum of the program that --mps writes.
        if (loss is { } expected)
            Assert.Equal(expected, plan.PredictedLoss!.Value, 1e-12);
        Assert.Null(plan.Problem());
    }

    [Fact]
    public void The_integer_solver_agrees()
    {
        ModelProfile profile = ModelProfile.Load(Path.Combine(SharedData.Root, "plans", "llama-3.1-8b", "profile.json"));
        PlanTarget target = new() { Context = 131072, DeviceBytes = 23L << 30, Machine = Machine.Load("rtx-3090"), StepSeconds = 33e-3 };
        var builder = new PlanBuilder(profile, target);
        Solution solution = CpSatSolver.Solve(builder.Program());
        Assert.Equal((SolverStatus.Optimal, 64_384_000_000), (solution.Status, solution.Objective));
    }
}
