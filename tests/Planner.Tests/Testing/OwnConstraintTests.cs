using FsCheck;
using FsCheck.Fluent;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Solver;
using TailorKV.Testing;
using TailorKV.Tests;

namespace TailorKV.Planner.Tests.Testing;

/// <summary>The example of docs/testing.md.</summary>
public sealed class OwnConstraintTests
{
    [Fact]
    public void At_most_one_layer_is_retrieved_and_the_loss_is_no_better_for_it()
    {
        PlanConstraint own = new("retrieved", (layer, policy) => policy is RetrievedPolicy ? 1 : 0, ConstraintSense.AtMost, 1);
        Check.One(Config.QuickThrowOnFailure, Prop.ForAll(Arbitraries.PlanningProblem(), problem =>
        {
            PlanTarget target = problem.Target with { Goal = PlanGoal.LeastLoss };
            PlanningProblem free = problem with { Target = target };
            PlanningProblem bound = free with { Options = free.Options with { Constraints = [.. free.Options.Constraints, own] } };
            if (bound.Build() is not { } plan)
                return;

            Assert.True(plan.Policies.Count(policy => policy is RetrievedPolicy) <= 1);
            Assert.True(plan.PredictedLoss >= free.Build()!.PredictedLoss - 1e-12);
        }));
    }

    [Fact]
    public void The_example_is_the_one_of_the_documentation()
    {
        string source = File.ReadAllText(Path.Combine(SharedData.Root, "tests", "Planner.Tests", "Testing", "OwnConstraintTests.cs"));
        string documentation = File.ReadAllText(Path.Combine(SharedData.Root, "docs", "testing.md"));
        string example = documentation.Split("```csharp\n")[1].Split("```")[0];
        Assert.Contains(example, string.Join('\n', source.Split('\n').Select(line => line.StartsWith("    ", StringComparison.Ordinal) ? line[4..] : line)), StringComparison.Ordinal);
    }
}
