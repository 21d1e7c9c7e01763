using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;
using TailorKV.Planner.Machines;
using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Planner.Profiles;
using TailorKV.Testing;

namespace TailorKV.Planner.Tests.Testing;

public sealed class GeneratorTests
{
    [Property(MaxTest = 200)]
    public void Everything_generated_is_valid(ModelShape model, LayerShape layer, CodeFormat format, Machine machine, ModelProfile profile, Plan plan, PlanningProblem problem)
    {
        Assert.Null(model.Problem());
        Assert.Equal(0, layer.Heads % layer.KvHeads);
        Assert.Null(format.Problem());
        Assert.Null(machine.Problem());
        Assert.Null(profile.Problem());
        Assert.Null(plan.Problem());
        AssertValid(problem);
    }

    [Property(MaxTest = 2400)]
    public Property Every_kind_of_policy_is_one_that_its_layer_allows_and_shrinks_to_a_simplest_of_its_kind(LayerShape layer)
    {
        LayerShape open = layer with { SlidingWindow = null };
        Gen<(string Kind, LayerPolicy Policy)> policies = Gen.Elements(PolicyGenerators.Kinds.ToArray()).SelectMany(kind => PolicyGenerators.OfKind(kind, open, 1), (kind, policy) => (kind, policy));
        return Prop.ForAll(policies.ToArbitrary(), one =>
        {
            LayerPolicy simplest = one.Policy;
            Assert.Null(simplest.Problem(open, 1));
            Assert.StartsWith(simplest.Kind.Name, one.Kind, StringComparison.Ordinal);
            while (PolicyGenerators.Shrink(simplest, open, 1).ToList() is { Count: > 0 } simpler)
            {
                Assert.All(simpler, policy => Assert.Null(policy.Problem(open, 1)));
                simplest = simpler[^1];
                Assert.StartsWith(simplest.Kind.Name, one.Kind, StringComparison.Ordinal);
            }

            Assert.True(simplest is FullPolicy { Precision: ExactPrecision.Float32 } or WindowedPolicy { Sinks: 0, Recent: <= 1, Generated: 0, Precision: ExactPrecision.Float32 });
        });
    }

    [Property(MaxTest = 200)]
    public void Shapes_shrink_to_one_head_of_two_elements(LayerShape layer)
    {
        LayerShape simplest = layer;
        while (ShapeGenerators.Shrink(simplest).ToList() is { Count: > 0 } simpler)
        {
            Assert.All(simpler, shape => Assert.Equal((0, 0), (shape.Heads % shape.KvHeads, shape.HeadDim % 2)));
            simplest = simpler[^1];
        }

        Assert.Equal(new LayerShape(1, 1, 2, null), simplest with { SlidingWindow = null });
    }

    [Fact]
    public void The_same_seed_gives_the_same_values()
    {
        for (int seed = 0; seed < 50; seed++)
        {
            Assert.Equal(PlanGenerators.Any.Draw(new(seed)).ToJson(), PlanGenerators.Any.Draw(new(seed)).ToJson());
            PlanningProblem one = ProblemGenerators.Small().Draw(new(seed)), other = ProblemGenerators.Small().Draw(new(seed));
            Assert.Equal(one.ToString(), other.ToString());
            Assert.Equal(one.Profile.ToJson(), other.Profile.ToJson());
        }

        Assert.NotEqual(PlanGenerators.Any.Draw(new(1)).ToJson(), PlanGenerators.Any.Draw(new(2)).ToJson());
    }

    /// <summary>To the simplest of all, where every simpler one will do: one layer in one way, without limits.</summary>
    [Property(MaxTest = 50)]
    public void Problems_shrink_to_valid_ones_and_come_to_an_end(PlanningProblem problem)
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
    }

    [Fact]
    public void Some_problems_have_a_plan_and_some_have_none()
    {
        const int Cases = 200;
        Assert.InRange(Enumerable.Range(0, Cases).Count(seed => ProblemGenerators.Small().Draw(new(seed)).Build() is not null), Cases / 10, Cases * 9 / 10);
    }

    private static void AssertValid(PlanningProblem problem)
    {
        Assert.Null(problem.Profile.Problem());
        Assert.Null(problem.Target.Problem());
        _ = problem.Builder;
    }
}
