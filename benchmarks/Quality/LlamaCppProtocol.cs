using TailorKV.Planner.Baselines;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Profiler.Measuring;
using TailorKV.Runtime;
using TailorKV.Runtime.Formats;

namespace TailorKV.Quality;

/// <summary>
/// llama-perplexity's protocol: the reference's first 4,096 tokens in windows of 1,024, every token but the first read through the cache, second halves judged,
/// everything in the cache coded. llama.cpp codes queries to 8 bits too, and its model arithmetic; both its base and its figure have the latter.
/// </summary>
internal static class LlamaCppProtocol
{
    private const int Window = 1024;

    // llama.cpp's figures on this text, by the commands of benchmarks/results/llama-cpp-caches.md; NaN where it was not run.
    private static readonly (string Name, LayerPolicy Policy, double Theirs)[] Types =
    [
        ("q8_0", BaselineCatalogue.LlamaCpp(new RotatedBlockFormat { Bits = 8 }), 0.0044),
        ("q4_0", BaselineCatalogue.LlamaCpp(new RotatedBlockFormat { Bits = 4 }), 0.050),
        ("q8_0, not rotated", BaselineCatalogue.LlamaCpp(new PerBlockFormat { Bits = 8 }), double.NaN),
        ("q4_0, not rotated", BaselineCatalogue.LlamaCpp(new PerBlockFormat { Bits = 4 }), double.NaN),
    ];

    public static void Run(string shared, Report report, CancellationToken cancellation)
    {
        string folder = Path.Combine(shared, "models", "SmolLM2-135M-Instruct");
        using var model = CausalLanguageModel.Load(Path.Combine(folder, "model.gguf"));
        using var reference = SafetensorsFile.Open(Path.Combine(folder, "reference-4096.safetensors"));
        var losses = Types.Select(_ => new List<double>()).ToArray();
        foreach (int[] window in reference.ReadIntegers("input_ids").Select(token => (int)token).Chunk(Window))
        {
            using var measurement = new WindowMeasurement(model, window, 1, null, cancellation);
            for (int i = 0; i < Types.Length; i++)
            {
                double[] all = measurement.MeasureAll([.. Enumerable.Repeat(Types[i].Policy, model.Shape.Layers)]);
                // The first loss is of position 1; the last position predicts a token outside the window.
                losses[i].AddRange(all[(Window / 2 - 1)..(Window - 2)]);
                Console.Error.WriteLine($"{Types[i].Name}  {losses[i].Average():0.00000} over {losses[i].Count} tokens");
            }
        }

        report.Heading("llama.cpp's cache types, everything in the cache coded, windows of 1,024 tokens, second halves judged");
        report.Paragraph("KL from the exact cache in nats per token. llama.cpp's figures are of its own runs, where queries are coded to 8 bits too.");
        report.Table(["cache", "ours", "llama.cpp"], Types.Select((type, i) => new[] { type.Name, $"{losses[i].Average():0.00000}", double.IsNaN(type.Theirs) ? "" : $"{type.Theirs}" }));
    }
}
