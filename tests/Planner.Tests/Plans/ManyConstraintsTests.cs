using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Profiles;
using TailorKV.Planner.Solver;
using TailorKV.Testing;
using TailorKV.Tests;
using static TailorKV.Planner.Tests.Plans.ExhaustivePlans;

namespace TailorKV.Planner.Tests.Plans;

/// <summary>Plans under as many constraints of the caller's own as there are bits in a number.</summary>
public sealed class ManyConstraintsTests
{
    private const int Many = 64;

    [Property(Arbitrary = [typeof(Constrained)], MaxTest = 100)]
    public void The_plan_is_the_best_under_64_constraints(PlanningProblem problem)
    {
        Price limits = Limits(problem.Target);
        Price[] fitting = [.. OfSmallestChunk(problem).Where(one => one.Fits(limits))];
        Plan? plan = problem.Build();
        Assert.Equal(fitting.Length == 0, plan is null);
        if (plan is not null)
            Assert.Equal(fitting.Min(one => one.Loss), PriceOf(problem, plan, problem.Options.PrefillChunks.Min()).Loss);
    }

    /// <summary>Each of the layers but one has a constraint of its own, and sums over all of them are bounded from both sides or given exactly.</summary>
    [Fact]
    public void A_model_is_planned_under_64_constraints()
    {
        ModelProfile profile = ModelProfile.Load(Path.Combine(SharedData.Root, "plans", "smollm2-135m-instruct", "profile.json"));
        var constraints = new List<PlanConstraint> { new("coded layers", (_, policy) => policy is QuantizedPolicy ? 1 : 0, ConstraintSense.Equal, 15) };
        for (int layer = 1; layer < profile.Layers.Count; layer++)
        {
            int own = layer;
            constraints.Add(new($"pair {own}", (at, policy) => (at == own || at == own - 1) && policy is RefinedPolicy ? 1 : 0, ConstraintSense.AtMost, 1));
        }

        for (int i = constraints.Count; i < Many; i++)
        {
            int start = i - 32;
            constraints.Add(new($"span {start}", (at, policy) => at >= start && at < start + 8 && policy is FullPolicy or RetrievedPolicy ? 1 : 0, ConstraintSense.AtLeast, start < 22 ? 1 : 0));
        }

        Assert.Equal(Many, constraints.Count);
        var target = new PlanTarget { Context = 4096, DeviceBytes = MemoryModel.Predict(profile.Model.Shape, profile.Model.WeightBytes, [], 4096, 512).FixedDevice + (20L << 20) };
        var builder = new PlanBuilder(profile, target, new PlanOptions { Constraints = constraints });
        Plan plan = builder.Build();
        Assert.Equal("optimal", plan.Solver!.Status);
        foreach (PlanConstraint constraint in constraints)
        {
            long sum = plan.Layers.Sum(layer => constraint.Coefficient(layer.Layer, layer.Policy));
            Assert.True(constraint.Sense switch { ConstraintSense.AtMost => sum <= constraint.RightHandSide, ConstraintSense.AtLeast => sum >= constraint.RightHandSide, _ => sum == constraint.RightHandSide }, constraint.Name);
        }

        Assert.Equal(CpSatSolver.Solve(builder.Program()).Objective, Math.Round(plan.PredictedLoss!.Value * 1e12), 0.5);
    }

    public static class Constrained
    {
        // Constraints that some plan holds to exactly or misses by one, over and over, so that they do not all contradict one another.
        public static Arbitrary<PlanningProblem> Problem() => Arb.From(
            from problem in ProblemGenerators.Small()
            from example in PlanGenerators.Of(problem.Profile, problem.Target)
            from one in ConstraintGenerators.Around(example).ArrayOf(Many)
            from holding in Gen.Elements(true, true, true, false)
            let held = one.Where(constraint => !holding || Holds(constraint, example)).ToArray()
            where held.Length > 0
            select problem with
            {
                Target = problem.Target with { Goal = PlanGoal.LeastLoss },
                Options = problem.Options with { Constraints = [.. Enumerable.Range(0, Many).Select(i => held[i % held.Length] with { Name = $"{i}" })] },
            },
            ProblemGenerators.Shrink);

        private static bool Holds(PlanConstraint constraint, Plan plan)
        {
            long sum = plan.Layers.Sum(layer => constraint.Coefficient(layer.Layer, layer.Policy));
            return constraint.Sense switch { ConstraintSense.AtMost => sum <= constraint.RightHandSide, ConstraintSense.AtLeast => sum >= constraint.RightHandSide, _ => sum == constraint.RightHandSide };
        }
    }
}
