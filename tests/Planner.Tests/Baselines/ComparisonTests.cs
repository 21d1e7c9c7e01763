using FsCheck.Xunit;
using TailorKV.Planner.Baselines;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Profiles;

namespace TailorKV.Planner.Tests.Baselines;

public sealed class ComparisonTests : IDisposable
{
    private readonly Tally _tally = new();

    public void Dispose() => _tally.Dispose();

    [Property(MaxTest = 5)]
    public void No_baseline_beats_the_optimum(ComparisonCase one)
    {
        Plan optimum = new PlanBuilder(one.Profile, one.Target).Build();
        Baseline preset = one.Preset;
        Comparison comparison = Comparison.Of(one.Profile, optimum, [preset]);

        Assert.Equal(optimum, comparison.Optimum);
        Assert.Contains(comparison.Baselines, compared => compared.Baseline == preset);
        Assert.Equal(comparison.Baselines.Select(compared => compared.Memory.Device).Order(), comparison.Baselines.Select(compared => compared.Memory.Device));
        Assert.All(comparison.Baselines, compared =>
        {
            Assert.Equal(compared.Memory.Device <= one.Target.DeviceBytes, compared.Fits);
            Assert.True(compared.OptimumLoss <= compared.Loss + 1e-12, $"{compared.Baseline.Name} loses {compared.Loss} and the best plan at its bytes {compared.OptimumLoss}");
            Assert.True(!compared.Fits || optimum.PredictedLoss <= compared.Loss + 1e-12, $"{compared.Baseline.Name} loses {compared.Loss} and the best plan {optimum.PredictedLoss}");
        });
        ComparedBaseline[] fit = [.. comparison.Baselines.Where(compared => compared.Fits)];
        Assert.Equal(fit.Min(compared => compared.Loss), comparison.BestFitting?.Loss);
        _tally.Count("fitting", fit.Length, least: 1);
        _tally.Count("too large", comparison.Baselines.Count - fit.Length, least: 1);
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
