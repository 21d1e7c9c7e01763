using TailorKV.Planner;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Profiles;
using TailorKV.Profiler.Measuring;
using TailorKV.Profiler.Text;
using TailorKV.Profiler.Verification;
using TailorKV.Runtime.Models;
using TailorKV.Tests;

namespace TailorKV.Profiler.Tests.Measuring;

public sealed class ModelProfilerTests : IDisposable
{
    private static readonly ProfileRequest Request = new() { Context = 160, Tail = 24, Windows = 1, Seed = 3 };

    private readonly CausalLanguageModel _model = CausalLanguageModel.Load(Path.Combine(SharedData.Root, "models", "tiny-recall"));

    /// <summary>The same request gives the same bytes; a plan from it takes the bytes it predicts, and loses about what it predicts.</summary>
    [Fact]
    public void A_profile_repeats_and_its_plan_comes_true()
    {
        MeasuringText text = MeasuringText.Open(_model, null);
        ModelProfile profile = ModelProfiler.Measure(_model, text, Request);
        Assert.Equal(Json.Write(profile), Json.Write(ModelProfiler.Measure(_model, text, Request)));
        Assert.Null(profile.Problem());
        Assert.All(profile.Layers, layer => Assert.Equal(Catalogue.Options(_model.Shape.Layer(layer.Layer), layer.Layer), layer.Options.Select(option => option.Policy)));

        int context = Request.Context + Request.Tail;
        long least = new PlanBuilder(profile, new PlanTarget { Context = context }).SmallestDeviceBytes()!.Value;
        Plan plan = new PlanBuilder(profile, new PlanTarget { Context = context, DeviceBytes = least + (_model.Shape.FullCacheBytes(context) / 10) }).Build();
        var verifier = new PlanVerifier(_model, text, context, new VerificationRequest { Tail = 24, Windows = 2, Passages = 2 });
        PlanVerification verification = verifier.Verify(plan);
        Assert.Equal(verification.Device.PredictedBytes, verification.Device.MeasuredBytes);
        Assert.Equal(verification.Host.PredictedBytes, verification.Host.MeasuredBytes);
        Assert.InRange(verification.MeasuredLoss, 0, (10 * plan.PredictedLoss!.Value) + 0.02);
        Assert.Equal(2, verification.Needles!.Passages);
        Assert.Equal(48, verification.JudgedTokens);
    }

    [Fact]
    public void Full_layers_lose_nothing_and_agree()
    {
        var verifier = new PlanVerifier(_model, MeasuringText.Open(_model, null), 200, new VerificationRequest { Tail = 16, Windows = 1, Passages = 1 });
        PlanVerification full = verifier.Verify(Plan.Uniform(_model.Fingerprint, 200, new FullPolicy(Planner.Models.ExactPrecision.Float32)));
        Assert.InRange(full.MeasuredLoss, 0, 1e-6);
        Assert.Equal(1, full.TopAgreement);
        Assert.Equal(full.ExactPerplexity, full.Perplexity, 1e-3);
    }

    [Theory]
    [InlineData(0, 8, 1)]
    [InlineData(8, 0, 1)]
    [InlineData(8, 8, 0)]
    [InlineData(4095, 2, 1)]
    public void Requests_out_of_range_are_named_errors(int context, int tail, int windows) => Assert.Throws<TailorKVException>(() =>
        ModelProfiler.Measure(_model, MeasuringText.Open(_model, null), new ProfileRequest { Context = context, Tail = tail, Windows = windows }));

    [Fact]
    public void Cancelled_measuring_ends()
    {
        using var cancellation = new CancellationTokenSource();
        var progress = new CancelAtFirstReport(cancellation);
        Assert.ThrowsAny<OperationCanceledException>(() => ModelProfiler.Measure(_model, MeasuringText.Open(_model, null), Request, progress, cancellation.Token));
    }

    public void Dispose() => _model.Dispose();

    private sealed class CancelAtFirstReport(CancellationTokenSource cancellation) : IProgress<WorkProgress>
    {
        public void Report(WorkProgress value) => cancellation.Cancel();
    }
}
