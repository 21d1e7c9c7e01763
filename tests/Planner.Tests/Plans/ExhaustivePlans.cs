using TailorKV.Planner.Machines;
using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Profiles;
using TailorKV.Planner.Solver;
using TailorKV.Testing;

namespace TailorKV.Planner.Tests.Plans;

/// <summary>The oracle: every plan of a small problem, each priced by itself from shapes and policies.</summary>
internal static class ExhaustivePlans
{
    /// <summary>The price of a plan: loss in units of 1e-12 nats, bytes, nanoseconds; and whether the caller's constraints allow it.</summary>
    public readonly record struct Price(long Loss, long Device, long Host, long Time, bool Allowed)
    {
        public bool Fits(Price limits) => Allowed && Loss <= limits.Loss && Device <= limits.Device && Host <= limits.Host && Time <= limits.Time;
    }

    /// <summary>The prices of all plans, with every combination of policies, weights and chunks.</summary>
    public static Price[] Of(PlanningProblem problem) =>
        [.. problem.Options.PrefillChunks.SelectMany(chunk => All(problem).Select(plan => PriceOf(problem, plan.Options, plan.Weights, chunk)))];

    /// <summary>The same with the smallest of the chunks alone.</summary>
    public static Price[] OfSmallestChunk(PlanningProblem problem) => Of(problem with { Options = problem.Options with { PrefillChunks = [problem.Options.PrefillChunks.Min()] } });

    /// <summary>The price of a plan that was built for the problem, had it a chunk, computed anew from its policies and weights.</summary>
    public static Price PriceOf(PlanningProblem problem, Plan plan, int chunk) => PriceOf(
        problem with { Target = problem.Target with { Context = plan.Target.Context } },
        [.. plan.Layers.Select(layer => problem.Profile.Layers[layer.Layer].Options.First(option => option.Policy == layer.Policy && option.Loss == layer.Loss))],
        plan.Model.WeightsHash == problem.Profile.Model.WeightsHash ? null : problem.Profile.Weights!.Single(weights => weights.WeightsHash == plan.Model.WeightsHash), chunk);

    /// <summary>The limits of a target; what is not limited is as large as can be.</summary>
    public static Price Limits(PlanTarget target) => new(
        target.Loss is { } loss ? Units(loss) : long.MaxValue, target.DeviceBytes ?? long.MaxValue, target.HostBytes ?? long.MaxValue,
        target.StepSeconds is { } seconds ? (long)Math.Round((decimal)seconds * 1e9m) : long.MaxValue, true);

    private static IEnumerable<(MeasuredOption[] Options, WeightChoice? Weights)> All(PlanningProblem problem)
    {
        IEnumerable<MeasuredOption[]> all = [[]];
        foreach (LayerProfile layer in problem.Profile.Layers)
            all = [.. all.SelectMany(chosen => layer.Options.Select(option => chosen.Append(option).ToArray()))];
        WeightChoice?[] weights = [null, .. problem.Options.AnyWeights ? problem.Profile.Weights ?? [] : []];
        return all.SelectMany(options => weights.Select(choice => (options, choice)));
    }

    private static Price PriceOf(PlanningProblem problem, MeasuredOption[] options, WeightChoice? weights, int chunk)
    {
        (PlanTarget target, ModelShape shape) = (problem.Target, problem.Profile.Model.Shape);
        long weightBytes = weights?.WeightBytes ?? problem.Profile.Model.WeightBytes, laidOutBytes = weights?.LaidOutBytes ?? problem.Profile.Model.LaidOutBytes;
        LayerPolicy[] policies = [.. options.Select(option => option.Policy)];
        MemoryBreakdown memory = MemoryModel.Predict(shape, weightBytes, policies, target.Context, chunk, target.Batch, laidOutBytes);
        return new Price(
            options.Sum(option => Units(option.Loss)) + Units(weights?.Loss ?? 0), memory.Device, memory.Host,
            target.Machine is { } machine ? LatencyModel.Predict(machine, shape, weightBytes, policies, target.Context, target.Batch).TotalNanoseconds : 0,
            problem.Options.Constraints.All(constraint => Holds(constraint, policies)));
    }

    private static bool Holds(PlanConstraint constraint, LayerPolicy[] policies)
    {
        long sum = policies.Select((policy, layer) => constraint.Coefficient(layer, policy)).Sum();
        return constraint.Sense switch
        {
            ConstraintSense.AtMost => sum <= constraint.RightHandSide,
            ConstraintSense.AtLeast => sum >= constraint.RightHandSide,
            _ => sum == constraint.RightHandSide,
        };
    }

    private static long Units(double loss) => (long)Math.Round((decimal)loss * 1e12m);
}
