using FsCheck;
using FsCheck.Xunit;
using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Profiles;
using TailorKV.Testing;

namespace TailorKV.Planner.Tests.Plans;

/// <summary>A model in which most layers have a sliding window and some see everything, as Gemma's: windows cost what they hold, however long the context.</summary>
public sealed class MixedWindowsTests
{
    private const int Window = 1024, Period = 6, Context = 131072;

    private static readonly ModelShape Shape = new()
    {
        Architecture = "gemma3",
        Layers = 26,
        HiddenSize = 1152,
        IntermediateSize = 6912,
        Heads = 4,
        KvHeads = 1,
        HeadDim = 256,
        VocabularySize = 262144,
        ContextLength = Context,
        SlidingWindows = [.. Enumerable.Range(0, 26).Select(layer => Slides(layer) ? (int?)Window : null)],
    };

    [Property(MaxTest = 100)]
    public void Only_layers_that_see_everything_grow_with_the_context(PositiveInt context)
    {
        int tokens = Window + (context.Get % Context), full = Shape.Layers / Period, row = 2 * 2 * Shape.KvHeads * Shape.HeadDim;
        Assert.Equal((long)row * ((full * tokens) + ((Shape.Layers - full) * Window)), Shape.FullCacheBytes(tokens));
        LayerPolicy[] policies = [.. Enumerable.Repeat(new FullPolicy(), Shape.Layers)];
        long cache = MemoryModel.Predict(Shape, 0, policies, tokens, 512).Cache, shorter = MemoryModel.Predict(Shape, 0, policies, Window, 512).Cache;
        LayerShape open = Shape.Layer(Period - 1);
        Assert.Equal(full * (new FullPolicy().Bytes(open, tokens).Device - new FullPolicy().Bytes(open, Window).Device), cache - shorter);
        Assert.All(
            Enumerable.Range(0, Shape.Layers).Where(Slides),
            layer => Assert.Equal(new FullPolicy().Work(Shape.Layer(layer), Window), new FullPolicy().Work(Shape.Layer(layer), tokens)));
    }

    [Fact]
    public void Layers_with_a_window_have_one_option_and_plans_change_the_others()
    {
        ModelProfile profile = Profile();
        Assert.All(profile.Layers, layer => Assert.Equal(Slides(layer.Layer), layer.Options.Count == 1));
        LayerPolicy[] unplanned = [.. Enumerable.Repeat(new FullPolicy(), Shape.Layers)];
        MemoryBreakdown all = MemoryModel.Predict(profile.Model, unplanned, Context, PlanTarget.DefaultPrefillChunk);
        // A quarter of what layers that see everything hold: all windows stay.
        long windows = Enumerable.Range(0, Shape.Layers).Where(Slides).Sum(layer => new FullPolicy().Bytes(Shape.Layer(layer), Context).Device);
        Plan plan = new PlanBuilder(profile, new PlanTarget { Context = Context, DeviceBytes = all.Device - ((all.Cache - windows) * 3 / 4) }).Build();
        Assert.All(plan.Policies.Index(), layer => Assert.Equal(Slides(layer.Index), layer.Item is FullPolicy));
        Assert.Equal(
            windows + plan.Policies.Index().Where(layer => !Slides(layer.Index)).Sum(layer => layer.Item.Bytes(Shape.Layer(layer.Index), Context).Device), plan.Memory.Cache);
    }

    private static bool Slides(int layer) => (layer + 1) % Period != 0;

    private static ModelProfile Profile()
    {
        Random random = new(1);
        return new ModelProfile
        {
            Tool = "0.1.0",
            Model = new ModelFingerprint { Name = "mixed", Shape = Shape, WeightBytes = 1 << 30, WeightsHash = "xxh128:00" },
            Text = new CalibrationText { Source = "text.txt", Sha256 = "00", Windows = 1, Seed = 1 },
            Context = 4096,
            Tail = 32,
            Layers = [.. Enumerable.Range(0, Shape.Layers).Select(layer => new LayerProfile
            {
                Layer = layer,
                DensePreference = random.NextDouble(),
                HeadDensePreference = [0, 0, 0, 0],
                Calibration = CalibrationGenerators.Drawn(Shape.Layer(layer), layer),
                Options = [.. Catalogue.Allowed(Catalogue.Standard, Shape.Layer(layer), layer).Select(policy => new MeasuredOption
                {
                    Policy = policy,
                    Loss = policy is FullPolicy ? 0 : 0.01 + random.NextDouble(),
                    OutputError = random.NextDouble(),
                })],
            })],
        };
    }
}
