using TailorKV.Planner;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Profiles;
using TailorKV.Profiler.Measuring;
using TailorKV.Profiler.Text;
using TailorKV.Runtime;
using TailorKV.Tests;

namespace TailorKV.Profiler.Tests.Measuring;

public sealed class PlanRemeasurementTests : IDisposable
{
    private readonly CausalLanguageModel _model = CausalLanguageModel.Load(Path.Combine(SharedData.Root, "models", "tiny-recall"));
    private readonly MeasuringText _text;
    private readonly ModelProfile _profile;
    private readonly PlanTarget _target;

    public PlanRemeasurementTests()
    {
        _text = MeasuringText.Open(_model, null);
        _profile = ModelProfiler.Measure(_model, _text, new ProfileRequest { Context = 200, Tail = 24, Windows = 2, Seed = 3, Candidates = [Catalogue.Rotated(1, 1), Catalogue.Rotated(3, 3)] });
        _target = new PlanTarget { Context = 224, Goal = PlanGoal.FewestBytes, Loss = 0.2 };
    }

    /// <summary>Around a plan the losses of its layers add up to what was measured of it, and layers measured above a change are what a whole pass gives.</summary>
    [Fact]
    public void Around_a_plan_its_losses_add_up()
    {
        Plan plan = new PlanBuilder(_profile, _target).Build();
        using var remeasurement = new PlanRemeasurement(_model, _text, _profile);
        double loss = remeasurement.Loss(plan);
        Assert.InRange(loss, 1e-3, 2);
        ModelProfile around = remeasurement.ProfileAround(plan);
        Assert.Null(around.Problem());
        Assert.Equal(loss, plan.Layers.Sum(layer => around.Layers[layer.Layer].Options.First(option => option.Policy.Equals(layer.Policy)).Loss), 1e-4 * loss);
        foreach ((MeasuredOption before, MeasuredOption after) in _profile.Layers.SelectMany(layer => layer.Options).Zip(around.Layers.SelectMany(layer => layer.Options)).Where(pair => pair.First.Loss > 0))
            Assert.Equal(before.LossError!.Value / before.Loss * after.Loss, after.LossError!.Value, 1e-4 * after.LossError.Value);
        Assert.Equal(around.ToJson(), remeasurement.ProfileAround(plan).ToJson());

        using var window = new WindowMeasurement(_model, _text.Window(TextPurpose.Calibration, 0, 2, 224, 3), 200);
        for (int layer = 0; layer < _model.Shape.Layers; layer++)
        {
            LayerPolicy[] policies = [.. plan.Policies];
            policies[layer] = layer == 0 ? Catalogue.Kivi(2, 2) : new RetrievedPolicy { TopK = 64, Index = new CriticalChannels(8) };
            double[] whole = window.MeasureAll(policies);
            window.MeasureAll(plan.Policies);
            Assert.Equal(whole, window.MeasureAbove(layer, policies));
        }
    }

    /// <summary>
    /// First plans and those kept after a second round, judged on text that neither was made from: in the mean over many limits those kept lose less. No second plan, kept or not, loses far more, as
    /// one does whose layers were made free by noise.
    /// </summary>
    [Fact]
    public void Second_plans_lose_less_on_other_text()
    {
        // Of evicted layers, and of keys in tiers, the first plans are made so that no second one is better.
        LayerPolicy[] candidates =
        [
            .. Catalogue.Standard.Where(option => option is not EvictedPolicy && !option.NeedsCalibration),
            .. from keys in new[] { 3, 2, 1 } from values in new[] { 3, 2, 1 } select Catalogue.Rotated(keys, values),
            .. from bits in new[] { 3, 2, 1 } from topK in new[] { 32, 128 } select Catalogue.Refined(bits, bits, topK),
        ];
        ModelProfile profile = ModelProfiler.Measure(_model, _text, new ProfileRequest { Context = 448, Windows = 2, Candidates = candidates });
        using var remeasurement = new PlanRemeasurement(_model, _text, profile);
        int context = profile.Context + profile.Tail;
        WindowMeasurement[] judges = [.. _text.Windows(TextPurpose.Judgement, 4, context, 77).Select(window => new WindowMeasurement(_model, window, profile.Context))];
        long full = _model.Shape.FullCacheBytes(context), least = new PlanBuilder(profile, new PlanTarget { Context = context }).SmallestDeviceBytes()!.Value;
        PlanTarget[] targets =
        [
            .. new[] { 1, 8, 24 }.Select(percent => new PlanTarget { Context = context, DeviceBytes = least + (percent * full / 100) }),
            .. new[] { 0.01, 0.05, 0.15 }.Select(loss => new PlanTarget { Context = context, Goal = PlanGoal.FewestBytes, Loss = loss }),
        ];
        double first = 0, kept = 0;
        foreach (PlanTarget target in targets)
        {
            Plan before = new PlanBuilder(profile, target).Build(), after = new PlanBuilder(remeasurement.ProfileAround(before), target).Build();
            double lossBefore = Judged(before), lossAfter = Judged(after);
            Assert.InRange(lossAfter, 0, 2 * lossBefore);
            (first, kept) = (first + lossBefore, kept + (remeasurement.IsBetter(after, before) ? lossAfter : lossBefore));
        }

        Array.ForEach(judges, judge => judge.Dispose());
        Assert.True(kept < first, $"{kept} nats per token are not less than {first}");

        double Judged(Plan plan) => judges.Average(window => window.MeasureAll(plan.Policies).Average());
    }

    [Fact]
    public void Another_text_or_model_is_refused()
    {
        Assert.Contains("--text", Assert.Throws<TailorKVException>(() => new PlanRemeasurement(
            _model, _text, _profile with { Text = _profile.Text with { Seed = 4 } })).Message, StringComparison.Ordinal);
        Assert.Throws<TailorKVException>(() => new PlanRemeasurement(_model, _text, _profile with { Model = _profile.Model with { WeightsHash = "xxh128:0" } }));
    }

    public void Dispose() => _model.Dispose();
}
