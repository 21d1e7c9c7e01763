using FsCheck;
using FsCheck.Fluent;
using TailorKV.Planner.Machines;
using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Profiles;
using TailorKV.Testing;

namespace TailorKV.Planner.Tests.Testing;

public sealed class GeneratorTests
{
    public static TheoryData<string> Kinds => [.. PolicyGenerators.Kinds];

    [Fact]
    public void Everything_generated_is_valid()
    {
        IArbMap map = ArbMap.Default.Merge(typeof(Arbitraries));
        Property.Holds(map.ArbFor<ModelShape>(), 200, shape => Assert.Null(shape.Problem()));
        Property.Holds(map.ArbFor<LayerShape>(), 200, layer => Assert.Equal(0, layer.Heads % layer.KvHeads));
        Property.Holds(map.ArbFor<Machine>(), 200, machine => Assert.Null(machine.Problem()));
        Property.Holds(map.ArbFor<ModelProfile>(), 200, profile => Assert.Null(profile.Problem()));
        Property.Holds(map.ArbFor<Plan>(), 200, plan => Assert.Null(plan.Problem()));
        Property.Holds(map.ArbFor<PlanningProblem>(), 200, AssertValid);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Every_kind_of_policy_is_one_that_its_layer_allows(string kind) => Property.Holds(
        from layer in ShapeGenerators.Layer
        let open = layer with { SlidingWindow = null }
        from policy in PolicyGenerators.OfKind(kind, open, 1)
        select (Layer: open, Policy: policy), 200, one =>
        {
            Assert.Null(one.Policy.Problem(one.Layer, 1));
            Assert.StartsWith(one.Policy.Kind, kind, StringComparison.Ordinal);
        });

    [Fact]
    public void The_same_seed_gives_the_same_values()
    {
        for (int seed = 0; seed < 50; seed++)
        {
            Assert.Equal(Json.Write(PlanGenerators.Any.Draw(new(seed))), Json.Write(PlanGenerators.Any.Draw(new(seed))));
            PlanningProblem one = ProblemGenerators.Small().Draw(new(seed)), other = ProblemGenerators.Small().Draw(new(seed));
            Assert.Equal(one.ToString(), other.ToString());
            Assert.Equal(Json.Write(one.Profile), Json.Write(other.Profile));
        }

        Assert.NotEqual(Json.Write(PlanGenerators.Any.Draw(new(1))), Json.Write(PlanGenerators.Any.Draw(new(2))));
    }

    /// <summary>To the simplest of all, where every simpler one will do: one layer in one way, without limits.</summary>
    [Fact]
    public void Problems_shrink_to_valid_ones_and_come_to_an_end() => Property.Holds(ProblemGenerators.Small(), 50, problem =>
    {
        PlanningProblem simplest = problem;
        while (ProblemGenerators.Shrink(simplest).ToList() is { Count: > 0 } simpler)
        {
            Assert.All(simpler, AssertValid);
            simplest = simpler[0];
        }

        Assert.Single(Assert.Single(simplest.Profile.Layers).Options);
        Assert.Equal(new PlanTarget { Context = 1, Goal = problem.Target.Goal }, simplest.Target);
        Assert.Empty(simplest.Options.Constraints);
    });

    [Fact]
    public void Some_problems_have_a_plan_and_some_have_none()
    {
        int feasible = 0, cases = 0;
        Property.Holds(Arbitraries.PlanningProblem(), 200, problem => (feasible, cases) = (feasible + (problem.Build() is null ? 0 : 1), cases + 1));
        Assert.InRange(feasible, cases / 10, cases * 9 / 10);
    }

    private static void AssertValid(PlanningProblem problem)
    {
        Assert.Null(problem.Profile.Problem());
        Assert.Null(problem.Target.Problem());
        _ = problem.Builder;
    }
}
