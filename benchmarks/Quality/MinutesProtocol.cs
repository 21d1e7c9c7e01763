using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Profiles;
using TailorKV.Profiler.Measuring;
using TailorKV.Profiler.Text;
using TailorKV.Runtime;

namespace TailorKV.Quality;

/// <summary>What the same minutes of profiling give when they go into more windows of text, or into more options: plans made from parts of one set of measurements, judged on other text.</summary>
internal static class MinutesProtocol
{
    private const int Context = 1024;
    private const int Tail = 64;
    private const int MostWindows = 4;
    private const int JudgedWindows = 2;

    // Of the standard catalogue every so many-th option is measured, so that the whole does not take hours.
    private const int Stride = 3;
    private const int Draws = 4;

    private static readonly (int Windows, int Part)[] Choices = [(1, 1), (2, 2), (4, 4), (2, 1), (4, 1)];

    private static readonly (string Name, double Share, bool Host)[] Budgets = [("25 %, nothing on the host", 0.25, false), ("15 %, nothing on the host", 0.15, false), ("15 %", 0.15, true)];

    public static void Run(string shared, string profilePath, Report report, CancellationToken cancellation)
    {
        using var model = CausalLanguageModel.Load(Path.Combine(shared, "models", "SmolLM2-135M-Instruct", "model.gguf"));
        ModelProfile profile = ModelProfile.Load(profilePath);
        MeasuringText text = MeasuringText.Open(model, Path.Combine(shared, "models", "tiny-recall", "text.txt"));
        LayerPolicy[] options = [new FullPolicy(), .. Catalogue.Standard.Where(policy => policy is not FullPolicy).Where((_, i) => i % Stride == 0)];
        double[][][] losses = Measure(model, profile, text, options, cancellation);
        using var judged = new Windows(model, text.Windows(TextPurpose.Judgement, JudgedWindows, Context + Tail, 1, null, cancellation), Context, cancellation);
        judged.Calibrate([.. profile.Layers.Select(layer => layer.Calibration)]);

        report.Heading($"More windows or more options: SmolLM2-135M-Instruct, {Context:N0} tokens, {text.Source}");
        report.Paragraph($"{MostWindows} windows and {options.Length} options (of the standard catalogue every {Stride}rd) are measured once; a row uses some windows and, at random, a part of the options (the full cache always). Plans are judged on {JudgedWindows} windows of the other half of the text: mean loss and standard error over {Draws} draws of windows and options. Work is that of measuring, one window with all options being 1.");
        var rows = new List<string[]>();
        foreach ((int count, int part) in Choices)
        {
            var row = new List<string> { $"{count}", part == 1 ? "all" : $"1 in {part}", $"{(double)count / part:0.#}" };
            foreach ((_, double share, bool host) in Budgets)
            {
                var measured = new List<double>();
                for (int draw = 0; draw < Draws; draw++)
                {
                    cancellation.ThrowIfCancellationRequested();
                    var random = new Random(draw);
                    int[] windows = [.. Enumerable.Range(0, MostWindows).OrderBy(_ => random.Next()).Take(count)];
                    var chosen = options.Where((policy, i) => i == 0 || random.Next(part) == 0).ToHashSet();
                    ModelProfile drawn = Part(profile, model, options, losses, windows, policy => chosen.Contains(policy) && (host || policy.Bytes(model.Shape.Layer(0), Context).Host == 0));
                    if (RecordedPlans.Best(drawn, Context + Tail, (long)(share * model.Shape.FullCacheBytes(Context + Tail))) is { } plan)
                        measured.Add(judged.Loss(plan.Policies));
                }

                double mean = measured.Average();
                double error = Math.Sqrt(measured.Sum(loss => Math.Pow(loss - mean, 2)) / Math.Max(1, measured.Count - 1) / measured.Count);
                row.Add(measured.Count == Draws ? $"{mean:0.00000} ± {error:0.00000}" : $"{mean:0.00000} ± {error:0.00000} ({Draws - measured.Count} draws have no plan)");
            }

            rows.Add([.. row]);
            Console.Error.WriteLine(string.Join("  ", row));
        }

        report.Table(["windows", "options", "work", .. Budgets.Select(budget => budget.Name)], rows);
    }

    /// <summary>Losses, [window][layer][option]; NaN where a layer does not allow an option.</summary>
    private static double[][][] Measure(CausalLanguageModel model, ModelProfile profile, MeasuringText text, LayerPolicy[] options, CancellationToken cancellation)
    {
        var losses = new List<double[][]>();
        foreach (int[] window in text.Windows(TextPurpose.Calibration, MostWindows, Context + Tail, 1, null, cancellation))
        {
            using var measurement = new WindowMeasurement(model, window, Context, null, cancellation) { Calibrations = [.. profile.Layers.Select(layer => layer.Calibration)] };
            losses.Add([.. Enumerable.Range(0, model.Shape.Layers).Select(layer => options.Select(option => Loss(measurement, layer, option)).ToArray())]);
            Console.Error.WriteLine($"{losses.Count} of {MostWindows} windows measured");
        }

        return [.. losses];

        double Loss(WindowMeasurement measurement, int layer, LayerPolicy option)
        {
            cancellation.ThrowIfCancellationRequested();
            return option.Problem(model.Shape.Layer(layer), layer) is null ? measurement.Measure(layer, option).Loss : double.NaN;
        }
    }

    private static ModelProfile Part(ModelProfile profile, CausalLanguageModel model, LayerPolicy[] options, double[][][] losses, int[] windows, Func<LayerPolicy, bool> keeps) => profile with
    {
        Context = Context,
        Tail = Tail,
        Layers = [.. profile.Layers.Select(layer => layer with
        {
            Options =
            [
                .. from i in Enumerable.Range(0, options.Length)
                   where keeps(options[i]) && options[i].Problem(model.Shape.Layer(layer.Layer), layer.Layer) is null
                   select new MeasuredOption { Policy = options[i], Loss = windows.Average(window => losses[window][layer.Layer][i]), OutputError = 0 },
            ],
        })],
    };
}
