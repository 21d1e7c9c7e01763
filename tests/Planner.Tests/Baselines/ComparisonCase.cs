using FsCheck;
using FsCheck.Fluent;
using TailorKV.Planner.Baselines;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Profiles;
using TailorKV.Testing;

namespace TailorKV.Planner.Tests.Baselines;

/// <summary>A model with all that baselines need, and a limit within which some of them fit.</summary>
/// <param name="Profile">What was measured.</param>
/// <param name="Context">The tokens of context.</param>
/// <param name="Percent">How much of the full cache the device has room for.</param>
public sealed record ComparisonCase(ModelProfile Profile, int Context, int Percent)
{
    private const int LeastContext = 500;

    internal static Gen<ComparisonCase> Any { get; } =
        from seed in Gen.Choose(0, int.MaxValue - 1)
        from context in Gen.Choose(LeastContext, 4999)
        from percent in Gen.Choose(20, 59)
        select new ComparisonCase(MeasuredModel.Make(new System.Random(seed)), context, percent);

    /// <summary>One of a kind that needs no solving beside it.</summary>
    internal Baseline Preset => KVTunerPreset.Make(Profile.Model.Shape, "preset", Enumerable.Range(0, Profile.Layers.Count).ToDictionary(layer => layer, _ => (4, 2)));

    internal PlanTarget Target => new()
    {
        Context = Context,
        DeviceBytes = MemoryModel.Predict(Profile.Model.Shape, Profile.Model.WeightBytes, [], Context, PlanTarget.DefaultPrefillChunk).FixedDevice
            + (Profile.Model.Shape.FullCacheBytes(Context) * Percent / 100),
    };

    private PlanningProblem Problem => new(Profile, Target, new PlanOptions());

    // Without layers, and options that no baseline takes, while there is a plan.
    internal static IEnumerable<ComparisonCase> Shrink(ComparisonCase one) => ProfileGenerators.Shrink(one.Profile).Select(profile => one with { Profile = profile })
        .Concat(Shrinking.Smaller(one.Context, LeastContext).Select(context => one with { Context = context }))
        .Where(simpler => simpler.HasAll());

    public override string ToString() => Problem.ToString();

    private bool HasAll() => BaselineCatalogue.For(Profile, Target).Append(Preset).All(baseline => baseline.PredictedLoss(Profile) is not null)
        && Problem.Build() is not null;
}
