using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Profiles;

namespace TailorKV.Quality;

/// <summary>The plans that the recorded tables measure. It knows the planner alone, so that a test makes what is recorded again.</summary>
internal static class RecordedPlans
{
    /// <summary>Plans of benchmarks/results/truth.md.</summary>
    public const int TruthPlans = 20;

    private const double LeastShare = 0.10;
    private const double MostShare = 0.60;

    /// <summary>The share of the full cache that one of <see cref="TruthPlans"/> may take; every other one has nothing on the host.</summary>
    public static double TruthShare(int plan) => LeastShare + ((MostShare - LeastShare) * (plan / 2) / ((TruthPlans / 2) - 1));

    /// <summary>
    /// The best plan whose caches and staging take at most so many device bytes; null where none does. Weights, activations and logits come on top: those of a plan that predicts queries hold these too.
    /// </summary>
    public static Plan? Best(ModelProfile profile, int context, long cacheBytes)
    {
        MemoryBreakdown full = Plan.Uniform(profile.Model, context, new FullPolicy()).Memory;
        long others = full.Device - full.Cache - full.Staging;
        long predicted = MemoryModel.Activations(profile.Model.Shape, context, PlanTarget.DefaultPrefillChunk, predictsQueries: true) - full.Activations;
        return new[] { Within(profile, context, others + cacheBytes), Within(profile, context, others + predicted + cacheBytes) }
            .OfType<Plan>().Where(plan => plan.Memory.Cache + plan.Memory.Staging <= cacheBytes).MinBy(plan => plan.PredictedLoss);
    }

    /// <summary>A profile of the options that need no host memory.</summary>
    public static ModelProfile WithoutHost(ModelProfile profile) => Only(profile, (policy, shape) => policy.Bytes(shape, profile.Context).Host == 0);

    /// <summary>A profile of the options that lose no token.</summary>
    public static ModelProfile WithoutEvicted(ModelProfile profile) => Only(profile, (policy, _) => policy is not EvictedPolicy);

    /// <summary>A profile of some of the options.</summary>
    public static ModelProfile Only(ModelProfile profile, Func<LayerPolicy, LayerShape, bool> keeps) => profile with
    {
        Layers = [.. profile.Layers.Select(layer => layer with { Options = [.. layer.Options.Where(option => keeps(option.Policy, profile.Model.Shape.Layer(layer.Layer)))] })],
    };

    private static Plan? Within(ModelProfile profile, int context, long deviceBytes)
    {
        try
        {
            return new PlanBuilder(profile, new PlanTarget { Context = context, DeviceBytes = deviceBytes }).Build();
        }
        catch (InfeasiblePlanException)
        {
            return null;
        }
    }
}
