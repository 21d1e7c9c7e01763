using FsCheck.Xunit;
using TailorKV.Planner.Baselines;
using TailorKV.Planner.Machines;
using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Planner.Profiles;

namespace TailorKV.Planner.Tests.Baselines;

public sealed class BaselineTests
{
    [Fact]
    public void Losses_are_the_sums_of_exactly_their_options()
    {
        ModelProfile profile = MeasuredModel.Make(new Random(1));
        foreach (Baseline baseline in BaselineCatalogue.For(profile, new PlanTarget { Context = 4096 }))
        {
            Assert.Empty(baseline.UnmeasuredLayers(profile));
            Assert.Equal(profile.Layers.Zip(baseline.Policies, (layer, policy) => layer.Options.Single(option => option.Policy.Equals(policy)).Loss).Sum(), baseline.PredictedLoss(profile));
            Assert.Equal(
                Plan.From(profile.Model, 4096, baseline.Policies, calibrations: [.. profile.Layers.Select(layer => layer.Calibration)]).Memory, baseline.Memory(profile, 4096));
        }
    }

    [Fact]
    public void An_option_that_was_not_measured_leaves_no_loss()
    {
        ModelProfile profile = MeasuredModel.Make(new Random(2));
        LayerProfile without = profile.Layers[2] with { Options = [.. profile.Layers[2].Options.Where(option => !option.Policy.Equals(Catalogue.Kivi(4, 2)))] };
        profile = profile with { Layers = [.. profile.Layers.Select(layer => layer.Layer == 2 ? without : layer)] };
        Baseline[] unmeasured = [.. BaselineCatalogue.For(profile, new PlanTarget { Context = 4096 }).Where(baseline => baseline.PredictedLoss(profile) is null)];
        Assert.Equal("KIVI K4V2", Assert.Single(unmeasured).Name);
        Assert.Equal([2], unmeasured[0].UnmeasuredLayers(profile));
    }

    [Fact]
    public void TailorKV_quantizes_dense_layers_and_the_first()
    {
        ModelProfile profile = MeasuredModel.Make(new Random(3), densities: [0.1, 0.2, 0.21, 0.9]);
        Baseline rule = TailorKVRule.Make(profile, 2048, 2);
        Assert.Equal(["quantized", "retrieved", "quantized", "quantized"], rule.Policies.Select(policy => policy.Kind.Name));
        Assert.Equal("K 2-bit per channel g64, V 2-bit per token g64, 0 sinks, recent 128", rule.Policies[2].Describe());
        Assert.Equal("top-128 by 8 critical channels, 8 sinks, recent 56+64", rule.Policies[1].Describe());
        Assert.Equal("top-896 by 12 critical channels, 64 sinks, recent 64+64", TailorKVRule.Make(profile, 65536, 1).Policies[1].Describe());
    }

    [Fact]
    public void Layers_with_a_sliding_window_keep_it_in_full()
    {
        ModelProfile profile = MeasuredModel.Make(new Random(4), windows: [null, 512, null, 512]);
        Assert.All(BaselineCatalogue.For(profile, new PlanTarget { Context = 4096 }), baseline =>
        {
            Assert.Equal(new FullPolicy(), baseline.Policies[1]);
            Assert.NotNull(baseline.PredictedLoss(profile));
        });
    }

    /// <summary>llama.cpp's own bytes: 34 and 18 for each 32 elements; besides, one exact row for each of keys and values, through which a token enters.</summary>
    [Theory]
    [InlineData(8, 34)]
    [InlineData(4, 18)]
    public void Cache_types_of_llama_cpp_take_its_bytes(int bits, int blockBytes)
    {
        LayerShape layer = new(32, 8, 128, null);
        Assert.All(new CodeFormat[] { new PerBlockFormat { Bits = bits }, new RotatedBlockFormat { Bits = bits } }, blocks =>
            Assert.Equal(2L * 8 * ((4096 * 4 * blockBytes) + (2 * 128)), BaselineCatalogue.LlamaCpp(blocks).Bytes(layer, 4096).Device));
    }

    [Fact]
    public void KV_Pareto_chooses_the_least_loss_that_fits() => AssertLeastLossThatFits(KVParetoChoice.Options, KVParetoChoice.Choose);

    [Fact]
    public void ThinK_chooses_the_least_loss_that_fits() => AssertLeastLossThatFits(ThinKChoice.Options, ThinKChoice.Choose);

    /// <summary>A quarter or half of the channels has no bits, and the others have all the same.</summary>
    [Fact]
    public void ThinK_drops_the_channels_that_count_least() => Assert.Equal(
        ["4-4-4-0", "4-4-4-0", "2-2-2-0", "4-4-0-0", "4-4-0-0", "2-2-0-0"],
        ThinKChoice.Options.Cast<QuantizedPolicy>().Select(policy => string.Join('-', Assert.IsType<TieredNormalFormat>(policy.Keys).Tiers)));

    /// <summary>A profile from before there were calibrations: what needs one is not measured, and nothing fails.</summary>
    [Fact]
    public void Without_calibrations_ThinK_is_not_measured()
    {
        ModelProfile profile = MeasuredModel.Make(new Random(9));
        profile = profile with
        {
            Layers = [.. profile.Layers.Select(layer => layer with { Calibration = null, Options = [.. layer.Options.Where(option => !option.Policy.NeedsCalibration)] })],
        };
        PlanTarget target = new() { Context = 4096, DeviceBytes = 1 << 20, StepSeconds = 1, Machine = Machine.Load("t4") };
        Baseline[] unmeasured = [.. BaselineCatalogue.For(profile, target).Where(baseline => baseline.PredictedLoss(profile) is null)];
        Assert.StartsWith("ThinK-like, best: ", Assert.Single(unmeasured).Name, StringComparison.Ordinal);
    }

    /// <summary>A fifth of the layers that are coded, rounded down and one at least, and no other layer's gradients are larger.</summary>
    [Property(MaxTest = 200)]
    public void KVmix_gives_a_fifth_of_the_layers_more_bits(int seed)
    {
        ModelProfile measured = MeasuredModel.Make(new Random(8));
        Random random = new(seed);
        int layers = random.Next(1, 50);
        int?[] windows = [.. Enumerable.Range(0, layers).Select(_ => random.Next(4) == 0 ? 512 : (int?)null)];
        // Few different numbers, so that some are alike.
        ModelProfile profile = measured with
        {
            Model = measured.Model with { Shape = measured.Model.Shape with { Layers = layers, SlidingWindows = windows } },
            Layers = [.. Enumerable.Range(0, layers).Select(layer => measured.Layers[0] with { Layer = layer, Gradients = new LayerGradients(random.Next(8), random.Next(8), 0, 0) })],
        };
        Baseline rule = KVmixChoice.Make(profile)!;
        int[] coded = [.. Enumerable.Range(0, layers).Where(layer => windows[layer] is null)];
        int[] more = [.. coded.Where(layer => rule.Policies[layer].Equals(Catalogue.Kivi(3, 4)))], less = [.. coded.Where(layer => rule.Policies[layer].Equals(Catalogue.Kivi(2, 2)))];
        Assert.Equal(coded.Length, more.Length + less.Length);
        Assert.Equal(coded.Length == 0 ? 0 : Math.Max(1, (int)Math.Floor(coded.Length * 0.2)), more.Length);
        Assert.All(more, one => Assert.All(less, other => Assert.True(Sum(one) >= Sum(other))));
        Assert.All(Enumerable.Range(0, layers).Except(coded), layer => Assert.Equal(new FullPolicy(), rule.Policies[layer]));

        double Sum(int layer) => profile.Layers[layer].Gradients!.Keys + profile.Layers[layer].Gradients!.Values;
    }

    /// <summary>The paper's K2.19 V2.38, of models with 32 layers.</summary>
    [Fact]
    public void KVmix_has_the_papers_mean_bits()
    {
        ModelProfile measured = MeasuredModel.Make(new Random(8));
        Baseline rule = KVmixChoice.Make(measured with
        {
            Model = measured.Model with { Shape = measured.Model.Shape with { Layers = 32 } },
            Layers = [.. Enumerable.Range(0, 32).Select(layer => measured.Layers[0] with { Layer = layer, Gradients = new LayerGradients(layer, 0, 0, 0) })],
        })!;
        Assert.Equal(2.19, rule.Policies.Average(policy => ((PerChannelFormat)((QuantizedPolicy)policy).Keys).Bits), 0.005);
        Assert.Equal(2.38, rule.Policies.Average(policy => ((PerTokenFormat)((QuantizedPolicy)policy).Values).Bits), 0.006);
    }

    [Fact]
    public void KVmix_is_there_where_gradients_are()
    {
        ModelProfile without = MeasuredModel.Make(new Random(10));
        PlanTarget target = new() { Context = 4096 };
        Assert.DoesNotContain(BaselineCatalogue.For(without, target), baseline => baseline.Name == "KVmix");
        ModelProfile with = without with { Layers = [.. without.Layers.Select(layer => layer with { Gradients = new LayerGradients(layer.Layer == 2 ? 1 : 0.5, 0.25, 0, 0) })] };
        Baseline rule = BaselineCatalogue.For(with, target).Single(baseline => baseline.Name == "KVmix");
        Assert.Equal([Catalogue.Kivi(2, 2), Catalogue.Kivi(2, 2), Catalogue.Kivi(3, 4), Catalogue.Kivi(2, 2)], rule.Policies);
        Assert.NotNull(rule.PredictedLoss(with));
    }

    [Theory]
    [InlineData("Meta-Llama-3.1-8B-Instruct", "k8v2 g64")]
    [InlineData("Llama-3.2-3B", "k4v4 g32")]
    [InlineData("Qwen2.5-3B-Instruct", "k4v4 g32")]
    [InlineData("qwen2.5-7b-instruct-q4_k_m", "k8v8 g64")]
    [InlineData("Mistral-7B-Instruct-v0.3", "k4v4 g64")]
    [InlineData("Llama-3.1-70B", null)]
    [InlineData("Mistral-7B-Instruct-v0.2", null)]
    public void KV_Pareto_knows_its_models_by_name(string name, string? pick)
    {
        ModelFingerprint model = MeasuredModel.Make(new Random(6)).Model with { Name = name };
        Assert.Equal(pick is null ? null : $"KV Pareto, published: {pick}", KVParetoChoice.Published(model)?.Name);
    }

    [Fact]
    public void A_preset_of_KVTuner_gives_each_layer_its_bits()
    {
        ModelShape shape = MeasuredModel.Make(new Random(7)).Model.Shape;
        Dictionary<int, (int Keys, int Values)> bits = new() { [3] = (2, 2), [0] = (8, 4), [1] = (4, 2), [2] = (4, 4) };
        Baseline preset = KVTunerPreset.Make(shape, "preset", bits);
        Assert.Equal([Catalogue.Kivi(8, 4), Catalogue.Kivi(4, 2), Catalogue.Kivi(4, 4), Catalogue.Kivi(2, 2)], preset.Policies);

        Assert.Contains("no layer 1 ", Refused(layers => layers.Remove(1)), StringComparison.Ordinal);
        Assert.Contains("a layer 4 ", Refused(layers => layers[4] = (4, 4)), StringComparison.Ordinal);
        Assert.Contains("layer 2 ", Refused(layers => layers[2] = (4, 5)), StringComparison.Ordinal);
        Assert.Contains("16 bits", Refused(layers => layers[2] = (16, 4)), StringComparison.Ordinal);

        string Refused(Action<Dictionary<int, (int Keys, int Values)>> change)
        {
            Dictionary<int, (int Keys, int Values)> changed = new(bits);
            change(changed);
            return Assert.Throws<TailorKVException>(() => KVTunerPreset.Make(shape, "preset", changed)).Message;
        }
    }

    private static void AssertLeastLossThatFits(IReadOnlyList<LayerPolicy> options, Func<ModelProfile, PlanTarget, int, Baseline> choose)
    {
        ModelProfile profile = MeasuredModel.Make(new Random(5));
        Baseline[] candidates = [.. options.Select(policy => Baseline.Uniform(profile.Model.Shape, policy.Describe(), "", policy))];
        long[] sizes = [.. candidates.Select(candidate => candidate.Memory(profile, 4096).Device).Order()];
        foreach (long size in sizes)
        {
            PlanTarget target = new() { Context = 4096, DeviceBytes = size };
            Assert.Equal(
                candidates.Where(candidate => candidate.Memory(profile, 4096).Device <= size).Min(candidate => candidate.PredictedLoss(profile)),
                choose(profile, target, PlanTarget.DefaultPrefillChunk).PredictedLoss(profile));
        }

        PlanTarget tooSmall = new() { Context = 4096, DeviceBytes = sizes[0] - 1 };
        Baseline smallest = choose(profile, tooSmall, PlanTarget.DefaultPrefillChunk);
        Assert.False(smallest.Fits(profile, tooSmall));
        Assert.Equal(sizes[0], smallest.Memory(profile, 4096).Device);
    }
}
