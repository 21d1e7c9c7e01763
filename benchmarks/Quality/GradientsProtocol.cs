using System.Diagnostics;
using TailorKV.Planner.Baselines;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Profiles;
using TailorKV.Profiler.Measuring;
using TailorKV.Profiler.Text;
using TailorKV.Runtime;
using TailorKV.Torch;

namespace TailorKV.Quality;

/// <summary>
/// KVmix's importance of SmolLM2's layers, by gradients, beside the losses that coarse codes of these layers were measured to have, and its rule beside others that give as many layers
/// as many bits.
/// </summary>
internal static class GradientsProtocol
{
    private const int Context = 1024;

    private static readonly LayerPolicy More = Catalogue.Kivi(3, 4);
    private static readonly LayerPolicy Less = Catalogue.Kivi(2, 2);
    private static readonly LayerPolicy CoarseKeys = Catalogue.Kivi(2, 8);
    private static readonly LayerPolicy CoarseValues = Catalogue.Kivi(8, 2);

    public static void Run(string shared, Report report, CancellationToken cancellation)
    {
        string path = Path.Combine(shared, "models", "SmolLM2-135M-Instruct", "model.gguf"), file = Path.Combine(shared, "models", "tiny-recall", "text.txt");
        var request = new ProfileRequest { Context = Context, Windows = 2, Options = [More, Less, CoarseKeys, CoarseValues], Candidates = [] };
        using var model = CausalLanguageModel.Load(path);
        MeasuringText text = MeasuringText.Open(model, file);
        int length = Context + request.Tail;
        (LayerGradients[] gradients, double seconds) = Gradients(path, text.Windows(TextPurpose.Calibration, request.WindowCount, length, request.Seed, null, cancellation), cancellation);
        ModelProfile measured = ModelProfiler.Measure(model, text, request, cancellation: cancellation);
        ModelProfile profile = measured with { Layers = [.. measured.Layers.Zip(gradients, (layer, its) => layer with { Gradients = its })] };

        report.Heading(
            $"SmolLM2-135M-Instruct, {request.WindowCount} windows of {Context:N0} + {request.Tail} tokens of {text.Source}: gradients on libtorch's cpu device, losses on the CPU backend");
        report.Paragraph($"The gradients of the {request.WindowCount} windows took {seconds:0.0} s.");
        report.Table(
            ["layer", "gradient at keys", "at values", "sum", "Fisher information of keys", "of values", "loss of K2V8", "of K8V2", "of K2V2", "of K3V4"],
            profile.Layers.Select(layer => (string[])
            [
                $"{layer.Layer}", $"{layer.Gradients!.Keys:0.0000}", $"{layer.Gradients.Values:0.0000}", $"{Sum(layer):0.0000}",
                $"{layer.Gradients.KeyFisher:0.00e+0}", $"{layer.Gradients.ValueFisher:0.00e+0}",
                .. new[] { CoarseKeys, CoarseValues, Less, More }.Select(policy => $"{Loss(layer, policy):0.00000}"),
            ]));
        report.Table(
            ["rank correlation (Spearman) over the layers", "with the loss of", "is"],
            [
                Correlation("gradient at keys", layer => layer.Gradients!.Keys, "K2V8", layer => Loss(layer, CoarseKeys)),
                Correlation("Fisher information of keys", layer => layer.Gradients!.KeyFisher, "K2V8", layer => Loss(layer, CoarseKeys)),
                Correlation("gradient at values", layer => layer.Gradients!.Values, "K8V2", layer => Loss(layer, CoarseValues)),
                Correlation("Fisher information of values", layer => layer.Gradients!.ValueFisher, "K8V2", layer => Loss(layer, CoarseValues)),
                Correlation("sum of the gradients at both", Sum, "K2V2", layer => Loss(layer, Less)),
                Correlation("gradient at keys", layer => layer.Gradients!.Keys, "K2V2", layer => Loss(layer, Less)),
                Correlation("sum of the gradients at both", Sum, "K2V2 less that of K3V4", Gain),
                Correlation("gradient at keys", layer => layer.Gradients!.Keys, "K2V2 less that of K3V4", Gain),
            ]);

        Baseline rule = BaselineCatalogue.For(profile, new PlanTarget { Context = length }).Single(baseline => baseline.Name == "KVmix");
        int count = rule.Policies.Count(policy => policy.Equals(More)), layers = profile.Layers.Count;
        using var windows = new Windows(model, text.Windows(TextPurpose.Judgement, request.WindowCount, length, 1, null, cancellation), Context, cancellation);
        report.Table(
            [$"the {count} layers of {layers} with K3V4, the others K2V2", "layers", "predicted loss", "measured loss"],
            [
                Judged("KVmix: largest sum of the gradients", [.. Enumerable.Range(0, layers).Where(layer => rule.Policies[layer].Equals(More))]),
                Judged("largest gradient at keys", Largest(layer => layer.Gradients!.Keys)),
                Judged("largest gain, measured", Largest(Gain)),
                Judged("the first", [.. Enumerable.Range(0, count)]),
                Judged("none", []),
            ]);

        string[] Correlation(string first, Func<LayerProfile, double> x, string second, Func<LayerProfile, double> y) =>
            [first, second, $"{TruthProtocol.RankCorrelation([.. profile.Layers.Select(layer => (x(layer), y(layer)))]):0.000}"];

        int[] Largest(Func<LayerProfile, double> number) => [.. profile.Layers.OrderByDescending(number).Take(count).Select(layer => layer.Layer).Order()];

        string[] Judged(string name, int[] more)
        {
            LayerPolicy[] policies = [.. Enumerable.Range(0, layers).Select(layer => more.Contains(layer) ? More : Less)];
            return [name, string.Join(", ", more), $"{profile.Layers.Zip(policies, Loss).Sum():0.0000}", $"{windows.Loss(policies):0.0000}"];
        }
    }

    /// <summary>The mean over the windows' contexts, as profiles have it, with the seconds that they took.</summary>
    private static (LayerGradients[] Means, double Seconds) Gradients(string path, IReadOnlyList<int[]> windows, CancellationToken cancellation)
    {
        using var backend = new TorchBackend();
        using var model = CausalLanguageModel.Load(path, backend);
        var clock = Stopwatch.StartNew();
        IReadOnlyList<LayerGradients>[] all = [.. windows.Select(window => model.Gradients(window.AsSpan(0, Context), window.Length, cancellation))];
        return ([.. Enumerable.Range(0, model.Shape.Layers).Select(layer => new LayerGradients(
            all.Average(one => one[layer].Keys), all.Average(one => one[layer].Values), all.Average(one => one[layer].KeyFisher), all.Average(one => one[layer].ValueFisher)))],
            clock.Elapsed.TotalSeconds);
    }

    private static double Sum(LayerProfile layer) => layer.Gradients!.Keys + layer.Gradients.Values;

    private static double Gain(LayerProfile layer) => Loss(layer, Less) - Loss(layer, More);

    private static double Loss(LayerProfile layer, LayerPolicy policy) => layer.Options.Single(option => option.Policy.Equals(policy)).Loss;
}
