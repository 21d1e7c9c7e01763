using TailorKV.Planner.Policies;
using TailorKV.Planner.Profiles;
using TailorKV.Profiler.Measuring;
using TailorKV.Profiler.Text;
using TailorKV.Runtime;

namespace TailorKV.Quality;

/// <summary>A profile from text that SmolLM2 samples from itself beside one from real text, and plans of both judged on real text.</summary>
internal static class OwnWordsProtocol
{
    private const int Context = 960;
    private static readonly double[] Shares = [0.15, 0.25, 0.40];

    public static void Run(string shared, Report report, CancellationToken cancellation)
    {
        using var model = CausalLanguageModel.Load(Path.Combine(shared, "models", "SmolLM2-135M-Instruct", "model.gguf"));
        MeasuringText real = MeasuringText.Open(model, Path.Combine(shared, "models", "tiny-recall", "text.txt")), own = MeasuringText.Open(model, null);
        var request = new ProfileRequest { Context = Context, Windows = 2 };
        Console.Error.WriteLine("real text");
        ModelProfile fromReal = ModelProfiler.Measure(model, real, request, cancellation: cancellation);
        Console.Error.WriteLine("own words");
        ModelProfile fromOwn = ModelProfiler.Measure(model, own, request, cancellation: cancellation);
        int context = Context + request.Tail;

        report.Heading($"SmolLM2-135M-Instruct, {context:N0} tokens, {request.WindowCount} windows: {real.Source} beside text {own.Source}");
        LayerPolicy[] diagnostic = [.. Catalogue.Diagnostic.Skip(1)];
        report.Table(
            ["layer", "dense preference, real", "own", .. diagnostic.SelectMany(option => new[] { $"{option.Describe()}, real", "own" })],
            fromReal.Layers.Zip(fromOwn.Layers, (a, b) => (string[])
            [
                $"{a.Layer}", $"{a.DensePreference:0.000}", $"{b.DensePreference:0.000}",
                .. diagnostic.SelectMany(option => new[] { Loss(a, option) is { } x ? $"{x:0.0000}" : "-", Loss(b, option) is { } y ? $"{y:0.0000}" : "-" }),
            ]));
        List<(double, double)> pairs = [.. fromReal.Layers.Zip(fromOwn.Layers).SelectMany(layers => diagnostic
            .Where(option => Loss(layers.First, option) is not null)
            .Select(option => (Loss(layers.First, option)!.Value, Loss(layers.Second, option)!.Value)))];
        report.Paragraph($"Rank correlation of the {pairs.Count} losses: {TruthProtocol.RankCorrelation(pairs):0.000}; of the dense-preference scores: "
            + $"{TruthProtocol.RankCorrelation([.. fromReal.Layers.Zip(fromOwn.Layers, (a, b) => (a.DensePreference, b.DensePreference))]):0.000}.");

        using var windows = new Windows(model, real.Windows(TextPurpose.Judgement, 6, context, 1, null, cancellation), Context, cancellation);
        long full = model.Shape.FullCacheBytes(context);
        report.Table(
            ["device bytes of caches at most", "plan from real text: predicted", "measured", "plan from own words: predicted", "measured"],
            Shares.Select(share => (string[])[$"{share:0 %}", .. Judge(fromReal, share), .. Judge(fromOwn, share)]));

        string[] Judge(ModelProfile profile, double share) => RecordedPlans.Best(profile, context, (long)(share * full)) is { } plan
            ? [$"{plan.PredictedLoss:0.00000}", $"{windows.Loss(plan):0.00000}"]
            : ["no plan fits", ""];
    }

    private static double? Loss(LayerProfile layer, LayerPolicy policy) => layer.Options.FirstOrDefault(option => option.Policy.Equals(policy))?.Loss;
}
