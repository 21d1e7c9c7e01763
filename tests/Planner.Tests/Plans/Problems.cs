using FsCheck;
using FsCheck.Fluent;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Testing;

namespace TailorKV.Planner.Tests.Plans;

/// <summary>Planning problems of the kinds that single properties need; they shrink as all do.</summary>
public static class Problems
{
    internal static bool Predicts(LayerPolicy policy) => policy is RetrievedPolicy { Index: CriticalChannels };

    /// <summary>Of a context that is given.</summary>
    public static class AtOneContext
    {
        public static Arbitrary<PlanningProblem> Problem() => Arbitraries.PlanningProblem().Filter(problem => problem.Target.Goal != PlanGoal.MostContext);
    }

    /// <summary>Of a context to be found, up to little more than two hundred.</summary>
    public static class OfMostContext
    {
        public static Arbitrary<PlanningProblem> Problem() => Arb.From(
            from problem in ProblemGenerators.Small(mostLayers: 2, mostOptions: 3, mostContext: 200)
            from above in Gen.Choose(0, 30)
            select problem with { Target = problem.Target with { Goal = PlanGoal.MostContext, Context = problem.Target.Context + above } },
            ProblemGenerators.Shrink);
    }

    /// <summary>Larger than can be tried exhaustively.</summary>
    public static class Larger
    {
        public static Arbitrary<PlanningProblem> Problem() => Arb.From(ProblemGenerators.Small(mostLayers: 6, mostOptions: 8), ProblemGenerators.Shrink);
    }

    /// <summary>Larger, and of least loss.</summary>
    public static class LargerOfLeastLoss
    {
        public static Arbitrary<PlanningProblem> Problem() => Arb.From(
            Larger.Problem().Generator.Select(problem => problem with { Target = problem.Target with { Goal = PlanGoal.LeastLoss } }), ProblemGenerators.Shrink);
    }

    /// <summary>With nothing that tells layers apart: no window, no prefetch (so that none depends on the layer before) and no constraint.</summary>
    public static class WithoutOrder
    {
        public static Arbitrary<PlanningProblem> Problem() => Arb.From(
            from problem in ProblemGenerators.Small(mostLayers: 4)
            let profile = problem.Profile with
            {
                Model = problem.Profile.Model with { Shape = problem.Profile.Model.Shape with { SlidingWindows = null } },
                Layers = [.. problem.Profile.Layers.Select(layer => layer with { Options = [.. layer.Options.Where(option => !Predicts(option.Policy))] })],
            }
            where problem.Target.Goal != PlanGoal.MostContext && profile.Layers.All(layer => layer.Options.Count > 0)
            select problem with { Profile = profile, Options = problem.Options with { Constraints = [] } },
            ProblemGenerators.Shrink);
    }
}
