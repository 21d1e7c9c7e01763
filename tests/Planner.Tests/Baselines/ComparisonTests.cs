using FsCheck;
using FsCheck.Fluent;
using TailorKV.Planner.Baselines;
using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Profiles;
using TailorKV.Planner.Tests.Solver;

namespace TailorKV.Planner.Tests.Baselines;

public sealed class ComparisonTests
{
    [Fact]
    public void No_baseline_beats_the_optimum()
    {
        int fitting = 0, tooLarge = 0;
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(5), Prop.ForAll(Gen.Choose(0, int.MaxValue - 1).ToArbitrary(), seed =>
        {
            Random random = new(seed);
            ModelProfile profile = MeasuredModel.Make(random);
            int context = random.Next(500, 5000);
            long fixedBytes = MemoryModel.Predict(profile.Model.Shape, profile.Model.WeightBytes, [], context, PlanTarget.DefaultPrefillChunk).FixedDevice;
            PlanTarget target = new() { Context = context, DeviceBytes = fixedBytes + (profile.Model.Shape.FullCacheBytes(context) * random.Next(20, 60) / 100) };
            Plan optimum = new PlanBuilder(profile, target).Build();
            // One of a kind that needs no solving beside it.
            Baseline preset = KVTunerPreset.Make(profile.Model.Shape, "preset", Enumerable.Range(0, 4).ToDictionary(layer => layer, _ => (4, 2)));
            Comparison comparison = Comparison.Of(profile, optimum, [preset]);

            Assert.Equal(optimum, comparison.Optimum);
            Assert.Contains(comparison.Baselines, one => one.Baseline == preset);
            Assert.Equal(comparison.Baselines.Select(one => one.Memory.Device).Order(), comparison.Baselines.Select(one => one.Memory.Device));
            Assert.All(comparison.Baselines, one =>
            {
                Assert.Equal(one.Memory.Device <= target.DeviceBytes, one.Fits);
                Assert.True(one.OptimumLoss <= one.Loss + 1e-12, $"{one.Baseline.Name} loses {one.Loss} and the best plan at its bytes {one.OptimumLoss}");
                Assert.True(!one.Fits || optimum.PredictedLoss <= one.Loss + 1e-12, $"{one.Baseline.Name} loses {one.Loss} and the best plan {optimum.PredictedLoss}");
            });
            ComparedBaseline[] fit = [.. comparison.Baselines.Where(one => one.Fits)];
            Assert.Equal(fit.Min(one => one.Loss), comparison.BestFitting?.Loss);
            (fitting, tooLarge) = (fitting + fit.Length, tooLarge + comparison.Baselines.Count - fit.Length);
        }));
        Assert.All(new[] { fitting, tooLarge }, count => Assert.True(count > 0));
    }

    [Fact]
    public void Where_no_plan_is_as_small_as_a_baseline_there_is_none_beside_it()
    {
        ModelProfile profile = MeasuredModel.Make(new Random(8));
        profile = profile with { Layers = [.. profile.Layers.Select(layer => layer with { Options = [layer.Options[0]] })] };
        Comparison comparison = Comparison.Of(profile, new PlanBuilder(profile, new PlanTarget { Context = 4096 }).Build(), []);
        Assert.All(comparison.Baselines, one => Assert.Equal(one.Baseline.Name == "full, bf16" ? 0 : null, one.OptimumLoss));
        Assert.Equal("full, bf16", comparison.BestFitting!.Baseline.Name);
    }
}
