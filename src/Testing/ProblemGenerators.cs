using FsCheck;
using FsCheck.Fluent;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Profiles;

namespace TailorKV.Testing;

/// <summary>Planning problems with any subset of limits. A limit is often exactly what some plan takes, or one byte, nanosecond or 1e-12 nats less; many problems have no plan.</summary>
public static class ProblemGenerators
{
    private const double LossUnit = 1e-12;

    /// <summary>A problem small enough to try every plan of it.</summary>
    /// <param name="mostLayers">The most layers; at least 1.</param>
    /// <param name="mostOptions">The most options of a layer; at least 1.</param>
    /// <param name="mostContext">The most tokens of context; at least 1.</param>
    public static Gen<PlanningProblem> Small(int mostLayers = 3, int mostOptions = 4, int mostContext = 3000) =>
        from profile in ProfileGenerators.Small(mostLayers, mostOptions)
        from target in PlanGenerators.Unlimited(mostContext)
        from limited in Limited(profile, target)
        from goal in Gen.Frequency((3, Gen.Constant(PlanGoal.LeastLoss)), (2, Gen.Constant(PlanGoal.FewestBytes)), (1, Gen.Constant(PlanGoal.MostContext)))
        from chunks in Gen.Elements<IReadOnlyList<int>>([16], [64, 16], [16, 512, 64])
        from anyWeights in Numbers.Coin
        from example in PlanGenerators.Of(profile, target)
        from count in Gen.Elements(0, 0, 0, 1, 2)
        from constraints in ConstraintGenerators.Around(example).ArrayOf(count)
        select new PlanningProblem(profile, limited with { Goal = goal }, new PlanOptions { PrefillChunks = chunks, AnyWeights = anyWeights, Constraints = constraints });

    /// <summary>Simpler problems: without a limit, a constraint or a choice, or with less context.</summary>
    /// <param name="problem">The problem to make simpler.</param>
    public static IEnumerable<PlanningProblem> Shrink(PlanningProblem problem)
    {
        (PlanTarget target, PlanOptions options) = (problem.Target, problem.Options);
        foreach (ModelProfile profile in ProfileGenerators.Shrink(problem.Profile))
            yield return problem with { Profile = profile };
        foreach (PlanTarget simpler in new[]
        {
            target with { DeviceBytes = null }, target with { HostBytes = null }, target with { Loss = null }, target with { StepSeconds = null },
            target with { StepSeconds = null, Machine = null }, target with { Batch = 1 }, target with { Context = target.Context / 2 }, target with { Context = target.Context - 1 },
        })
        {
            if (simpler != target && simpler.Problem() is null)
                yield return problem with { Target = simpler };
        }

        if (options.PrefillChunks.Count > 1)
            yield return problem with { Options = options with { PrefillChunks = [options.PrefillChunks[0]] } };
        if (options.AnyWeights)
            yield return problem with { Options = options with { AnyWeights = false } };
        foreach (PlanConstraint dropped in options.Constraints)
            yield return problem with { Options = options with { Constraints = [.. options.Constraints.Where(constraint => constraint != dropped)] } };
    }

    // Each limit is of a plan of its own, or all are of one plan and hold.
    private static Gen<PlanTarget> Limited(ModelProfile profile, PlanTarget target) =>
        from one in PlanGenerators.Of(profile, target)
        from others in PlanGenerators.Of(profile, target).ArrayOf(4)
        from same in Numbers.Coin
        from limited in Numbers.Coin.ArrayOf(4)
        from off in Gen.Choose(0, 1).ArrayOf(4)
        let plans = same ? [one, one, one, one] : others
        let less = same ? new int[4] : off
        select target with
        {
            DeviceBytes = limited[0] ? Math.Max(0, plans[0].Memory.Device - less[0]) : null,
            HostBytes = limited[1] ? Math.Max(0, plans[1].Memory.Host - less[1]) : null,
            StepSeconds = limited[2] && plans[2].Time is { } time ? Math.Max(0, time.TotalNanoseconds - less[2]) * 1e-9 : null,
            Loss = limited[3] ? Math.Max(0, plans[3].PredictedLoss!.Value - (less[3] * LossUnit)) : null,
        };
}
