using TailorKV.Planner;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Planner.Profiles;
using TailorKV.Profiler.Measuring;
using TailorKV.Profiler.Text;
using TailorKV.Profiler.Verification;
using TailorKV.Runtime;
using TailorKV.Runtime.Sessions;
using TailorKV.Tests;

namespace TailorKV.Profiler.Tests.Measuring;

public sealed class ModelProfilerTests : IDisposable
{
    private static readonly ProfileRequest Request = new() { Context = 160, Tail = 24, Windows = 1, Seed = 3 };

    private readonly CausalLanguageModel _model = CausalLanguageModel.Load(Path.Combine(SharedData.Root, "models", "tiny-recall"));

    /// <summary>Layers measured alone come out as they do among all, and a run of others goes on with what was written down of them.</summary>
    [Fact]
    public void Some_layers_are_measured_as_all_are()
    {
        MeasuringText text = MeasuringText.Open(_model, null);
        ProfileRequest request = Request with { Options = [new FullPolicy(), Catalogue.InTiers([4, 2, 1, 1], 2)], Candidates = [Catalogue.Rotated(2, 2), Catalogue.Rotated(4, 4)] };
        ModelProfile whole = ModelProfiler.Measure(_model, text, request);
        string folder = Directory.CreateTempSubdirectory("tailorkv").FullName, path = Path.Combine(folder, "journal");
        ModelProfile part = Measured([1, 4]);
        Assert.Equal([0, 2, 3, 5], part.MissingLayers);
        Assert.Null(part.Problem());
        int lines = File.ReadLines(path).Count();
        Assert.Equal(whole.ToJson(), part.With(Measured([0, 2, 3, 5])).ToJson());
        Assert.True(File.ReadLines(path).Count() > lines);
        Assert.Equal(whole.ToJson(), Measured(null).ToJson());
        Directory.Delete(folder, recursive: true);
        foreach (int[] layers in (int[][])[[], [6], [-1], [1, 1], [2, 1]])
            Assert.Contains("of the model's 6", Assert.Throws<TailorKVException>(() => ModelProfiler.Check(_model, request with { Layers = layers })).Message, StringComparison.Ordinal);

        ModelProfile Measured(int[]? layers)
        {
            using MeasurementJournal journal = MeasurementJournal.Open(path);
            return ModelProfiler.Measure(_model, text, request with { Layers = layers }, journal);
        }
    }

    /// <summary>The same request gives the same bytes; a plan from it takes the bytes it predicts, and loses about what it predicts.</summary>
    [Fact]
    public void A_profile_repeats_and_its_plan_comes_true()
    {
        MeasuringText text = MeasuringText.Open(_model, null);
        ModelProfile profile = ModelProfiler.Measure(_model, text, Request);
        Assert.Equal(profile.ToJson(), ModelProfiler.Measure(_model, text, Request).ToJson());
        Assert.Null(profile.Problem());
        Assert.All(profile.Layers, layer =>
        {
            IReadOnlyList<LayerPolicy> options = Catalogue.Allowed([.. Request.Options, .. Request.Candidates], _model.Shape.Layer(layer.Layer), layer.Layer);
            Assert.Equal(options.Count, layer.Options.Count + layer.ScreenedOut);
            Assert.Equal(options.Intersect(layer.Options.Select(option => option.Policy)), layer.Options.Select(option => option.Policy));
            Assert.Subset(layer.Options.Select(option => option.Policy).ToHashSet(), Catalogue.Allowed(Request.Options, _model.Shape.Layer(layer.Layer), layer.Layer).ToHashSet());
        });

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

    /// <summary>Only what needs calibrations gets them, and then every layer does: those of all windows' contexts together.</summary>
    [Fact]
    public void Calibrations_are_those_of_all_windows_where_an_option_needs_them()
    {
        MeasuringText text = MeasuringText.Open(_model, null);
        ProfileRequest request = Request with { Windows = 2, Tail = 8, Options = [new FullPolicy()], Candidates = [] };
        ModelProfile without = ModelProfiler.Measure(_model, text, request), with = ModelProfiler.Measure(_model, text, request with { Options = [new FullPolicy(), Catalogue.InTiers([4, 2, 1, 1], [2, 0])] });
        Assert.All(without.Layers, layer => Assert.Null(layer.Calibration));
        Assert.Equal(without.Layers.Select(layer => layer.Options[0]), with.Layers.Select(layer => layer.Options[0]));

        KeyCalibration[][] windows = [.. text.Windows(TextPurpose.Calibration, 2, request.Context + request.Tail, request.Seed).Select(window => ModelProfiler.Calibrate(_model, window, request.Context))];
        Assert.NotEqual(windows[0], windows[1]);
        KeyCalibration[] together = LayerMoments.Together(_model.Shape, windows);
        Assert.Equal(together, with.Layers.Select(layer => layer.Calibration));
        // What values are like takes most of the room, and only codes along their principal directions ask for it.
        ModelProfile ofKeys = ModelProfiler.Measure(_model, text, request with { Options = [new FullPolicy(), Catalogue.InTiers([4, 2, 1, 1], 2)] });
        Assert.Equal(together.Select(layer => layer with { Values = null }), ofKeys.Layers.Select(layer => layer.Calibration));
    }

    /// <summary>What screening leaves out no plan would have chosen: with all options measured, plans lose no less than a hundredth less.</summary>
    [Fact]
    public void Screened_options_do_not_matter()
    {
        MeasuringText text = MeasuringText.Open(_model, null);
        ModelProfile screened = ModelProfiler.Measure(_model, text, Request);
        ModelProfile whole = ModelProfiler.Measure(_model, text, Request with { Options = [.. Request.Options, .. Request.Candidates] });
        Assert.All(whole.Layers, layer => Assert.Null(layer.ScreenedOut));
        Assert.InRange(screened.Layers.Sum(layer => layer.ScreenedOut!.Value), 20, whole.Layers.Sum(layer => layer.Options.Count));
        int context = Request.Context + Request.Tail;
        long least = new PlanBuilder(whole, new PlanTarget { Context = context }).SmallestDeviceBytes()!.Value;
        for (int part = 1; part <= 10; part++)
        {
            var target = new PlanTarget { Context = context, DeviceBytes = least + (part * _model.Shape.FullCacheBytes(context) / 20) };
            double loss = new PlanBuilder(screened, target).Build().PredictedLoss!.Value, best = new PlanBuilder(whole, target).Build().PredictedLoss!.Value;
            Assert.InRange(loss, best - 1e-9, (1.01 * best) + 1e-6);
        }
    }

    /// <summary>The loss of coarser weights against one from the logits of two sessions, summed plainly.</summary>
    [Fact]
    public void Other_weights_are_measured_beside_the_profiled_ones()
    {
        string folder = Directory.CreateTempSubdirectory("tailorkv").FullName;
        try
        {
            WriteCoarser(_model.Path, folder);
            MeasuringText text = MeasuringText.Open(_model, null);
            ProfileRequest request = Request with { Tail = 8, OtherWeights = [folder] };
            ModelProfile profile = ModelProfiler.Measure(_model, text, request);
            Assert.Null(profile.Problem());
            Assert.Equal((profile with { Weights = null }).ToJson(), ModelProfiler.Measure(_model, text, request with { OtherWeights = [] }).ToJson());

            WeightChoice choice = Assert.Single(profile.Weights!);
            using CausalLanguageModel coarser = CausalLanguageModel.Load(folder);
            Assert.Equal(
                (Path.GetFileName(folder), coarser.Fingerprint.WeightBytes, coarser.Fingerprint.WeightsHash), (choice.Name, choice.WeightBytes, choice.WeightsHash));
            int[] window = text.Windows(TextPurpose.Calibration, 1, request.Context + request.Tail, request.Seed)[0];
            double[][] exact = Probabilities(_model, window, request.Context), other = Probabilities(coarser, window, request.Context);
            double loss = exact.Zip(other, (p, q) => p.Zip(q, (a, b) => a * Math.Log(a / b)).Sum()).Average();
            Assert.InRange(loss, 1e-4, 10);
            Assert.Equal(1, choice.Loss / loss, 0.01);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void Weights_of_another_model_or_of_the_same_are_refused()
    {
        MeasuringText text = MeasuringText.Open(_model, null);
        var error = Assert.Throws<InvalidFileException>(() => ModelProfiler.Measure(_model, text, Request with { OtherWeights = [_model.Path] }));
        Assert.StartsWith(_model.Path, error.Message, StringComparison.Ordinal);

        string folder = Directory.CreateTempSubdirectory("tailorkv").FullName;
        try
        {
            WriteCoarser(_model.Path, folder);
            string config = Path.Combine(folder, "config.json");
            string longer = File.ReadAllText(config).Replace($"\"max_position_embeddings\": {_model.Shape.ContextLength}", "\"max_position_embeddings\": 5000", StringComparison.Ordinal);
            File.WriteAllText(config, longer);
            error = Assert.Throws<InvalidFileException>(() => ModelProfiler.Measure(_model, text, Request with { OtherWeights = [folder] }));
            Assert.StartsWith($"{folder}: its shape differs", error.Message, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void Full_layers_lose_nothing_and_agree()
    {
        var verifier = new PlanVerifier(_model, MeasuringText.Open(_model, null), 200, new VerificationRequest { Tail = 16, Windows = 1, Passages = 1 });
        PlanVerification full = verifier.Verify(Plan.Uniform(_model.Fingerprint, 200, new FullPolicy(Planner.Models.ExactPrecision.Float32)));
        Assert.InRange(full.MeasuredLoss, 0, 1e-6);
        Assert.Equal(1, full.TopAgreement);
        Assert.Equal(full.ExactPerplexity, full.Perplexity, 1e-3);

        int[] window = MeasuringText.Open(_model, null).Windows(TextPurpose.Judgement, 1, 200, 1)[0];
        double[][] probabilities = Probabilities(_model, window, 184);
        double accuracy = probabilities[..^1].Select((row, i) => Array.IndexOf(row, row.Max()) == window[184 + i + 1] ? 1.0 : 0).Average();
        Assert.Equal((accuracy, accuracy), (full.ExactAccuracy, full.Accuracy));
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
        Assert.ThrowsAny<OperationCanceledException>(() => ModelProfiler.Measure(_model, MeasuringText.Open(_model, null), Request, null, null, progress, cancellation.Token));
    }

    public void Dispose() => _model.Dispose();

    private static double[][] Probabilities(CausalLanguageModel model, int[] window, int context)
    {
        using Session session = model.CreateFullSession(window.Length, Planner.Models.ExactPrecision.Float32);
        session.Prefill(window.AsSpan(0, context));
        return [.. window[context..].Select(token =>
        {
            double[] exponentials = [.. session.Decode(token).ToArray().Select(logit => Math.Exp(logit))];
            return exponentials.Select(one => one / exponentials.Sum()).ToArray();
        })];
    }

    /// <summary>A copy of a model with two bits of mantissa left of each weight.</summary>
    private static void WriteCoarser(string model, string folder)
    {
        foreach (string file in Directory.GetFiles(model))
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        string path = Path.Combine(folder, "model.safetensors");
        byte[] bytes = File.ReadAllBytes(path);
        for (int i = 8 + (int)BitConverter.ToInt64(bytes); i < bytes.Length; i += sizeof(ushort))
            bytes[i] &= 0xE0;
        File.WriteAllBytes(path, bytes);
    }

    private sealed class CancelAtFirstReport(CancellationTokenSource cancellation) : IProgress<WorkProgress>
    {
        public void Report(WorkProgress value) => cancellation.Cancel();
    }
}
