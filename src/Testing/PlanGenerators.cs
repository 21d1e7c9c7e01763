using FsCheck;
using FsCheck.Fluent;
using TailorKV.Planner.Machines;
using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Profiles;

namespace TailorKV.Testing;

/// <summary>Plans that no one has optimized: any of the options that a profile has measured for each layer.</summary>
public static class PlanGenerators
{
    /// <summary>A plan of any small profile, for one session or some, on a machine or none.</summary>
    public static Gen<Plan> Any { get; } =
        from profile in ProfileGenerators.Small()
        from target in Unlimited(3000)
        from plan in Of(profile, target)
        select plan;

    /// <summary>A plan of one profile, with the weights profiled or others that were measured. Whether it holds to the target's limits is left to chance.</summary>
    /// <param name="profile">What to choose from.</param>
    /// <param name="target">Context, batch and machine.</param>
    public static Gen<Plan> Of(ModelProfile profile, PlanTarget target) =>
        from options in Gen.CollectToArray(profile.Layers, layer => Gen.Elements(layer.Options.ToArray()))
        from weights in Gen.Elements<WeightChoice?>([null, .. profile.Weights ?? []])
        from chunk in Gen.Elements(16, 64, 512)
        select Priced(profile, target, options, weights, chunk);

    /// <summary>Targets without limits: a context, a batch, and a machine or none.</summary>
    internal static Gen<PlanTarget> Unlimited(int mostContext) =>
        from context in Gen.Choose(1, mostContext)
        from batch in Gen.Elements(1, 1, 1, 2, 3)
        from machine in Gen.OneOf(Gen.Constant((Machine?)null), MachineGenerators.Any.Select(machine => (Machine?)machine))
        select new PlanTarget { Context = context, Batch = batch, Machine = machine };

    private static Plan Priced(ModelProfile profile, PlanTarget target, MeasuredOption[] options, WeightChoice? weights, int chunk)
    {
        ModelFingerprint model = profile.Model;
        if (weights is not null)
            model = model with { Name = weights.Name, WeightBytes = weights.WeightBytes, LaidOutBytes = weights.LaidOutBytes, WeightsHash = weights.WeightsHash };
        Plan plan = Plan.From(model, target, [.. options.Select(option => option.Policy)], chunk, [.. profile.Layers.Select(layer => layer.Calibration)]);
        return plan with
        {
            Layers = [.. plan.Layers.Select((layer, i) => layer with { Loss = options[i].Loss, LossError = options[i].LossError })],
            PredictedLoss = options.Sum(option => option.Loss) + (weights?.Loss ?? 0),
            PredictedLossError = options.Aggregate(weights is null ? 0 : weights.LossError, (sum, option) => sum + option.LossError),
        };
    }
}
