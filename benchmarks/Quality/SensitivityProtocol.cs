using System.Text.Json;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime;

namespace TailorKV.Quality;

/// <summary>
/// The protocol of sensitivity.json: four windows of 1,024 tokens and a tail of 64; keys per channel, values per token, groups of 32; the newest 32 tokens
/// of the context and the tail exact; top-k besides 4 sinks.
/// </summary>
internal static class SensitivityProtocol
{
    // Nats.
    private const double Tolerance = 2e-4;

    public static void Run(string shared, Report report, CancellationToken cancellation)
    {
        string folder = Path.Combine(shared, "models", "SmolLM2-135M-Instruct");
        using JsonDocument json = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "sensitivity.json")));
        JsonElement root = json.RootElement;
        using var model = CausalLanguageModel.Load(Path.Combine(folder, "model.gguf"));
        using Windows windows = Windows.FromReference(model, Path.Combine(folder, "sensitivity.safetensors"), "input_ids", 1024, cancellation);

        report.Heading("Dense-preference score");
        double[] density = [.. Enumerable.Range(0, model.Shape.Layers).Select(windows.DensePreference)];
        double[] expected = [.. root.GetProperty("dense_preference").EnumerateArray().Select(value => value.GetDouble())];
        report.Paragraph($"Largest difference: {density.Zip(expected, (a, b) => Math.Abs(a - b)).Max():0.0000}");
        report.Table(["layer", "ours", "other"], density.Select((value, layer) => new[] { $"{layer}", $"{value:0.000}", $"{expected[layer]:0.000}" }));

        report.Heading("Every layer at one setting");
        report.Paragraph($"Perplexity of the exact cache: {windows.ExactPerplexity():0.00}");
        var whole = new Comparison(Tolerance);
        foreach (JsonProperty option in root.GetProperty("uniform").EnumerateObject())
        {
            (double loss, double perplexity) = windows.Whole(Kivi(option.Name));
            whole.Add(option.Name, loss, option.Value.GetDouble(), perplexity);
        }

        foreach (JsonProperty option in root.GetProperty("uniform_topk").EnumerateObject())
        {
            (double loss, double perplexity) = windows.Whole(TopK(int.Parse(option.Name)));
            whole.Add($"top-{option.Name}", loss, option.Value.GetDouble(), perplexity);
        }

        whole.WriteTo(report, withPerplexity: true);

        report.Heading("One layer alone");
        var single = new Comparison(Tolerance);
        string[] options = [.. root.GetProperty("options").EnumerateArray().Select(name => name.GetString()!)];
        for (int layer = 0; layer < model.Shape.Layers; layer++)
        {
            for (int i = 0; i < options.Length; i++)
            {
                cancellation.ThrowIfCancellationRequested();
                single.Add($"layer {layer} {options[i]}", windows.SingleLayer(layer, Kivi(options[i])), root.GetProperty("single_layer")[layer][i].GetDouble());
            }

            foreach (JsonProperty option in root.GetProperty("single_layer_topk").EnumerateObject())
                single.Add($"layer {layer} top-{option.Name}", windows.SingleLayer(layer, TopK(int.Parse(option.Name))), option.Value[layer].GetDouble());
        }

        single.WriteTo(report, withPerplexity: false);
    }

    // The tail stays exact, as the protocol has it.
    private static QuantizedPolicy Kivi(string name) => Catalogue.Kivi(name[1] - '0', name[3] - '0') with { Generated = 64 };

    // Scores by 8-bit keys choose what exact scores would, within rounding.
    private static RetrievedPolicy TopK(int k) => new() { TopK = k, Index = new CodedKeys(new RotatedAffineFormat { Bits = 8 }) };
}
