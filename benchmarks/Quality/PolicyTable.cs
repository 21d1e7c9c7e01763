using System.Diagnostics;
using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Profiler.Text;
using TailorKV.Runtime.Models;

namespace TailorKV.Quality;

/// <summary>Every policy for all layers of SmolLM2 at 4,096 tokens, on tiny-recall's text, which is nothing like the Jargon File.</summary>
internal static class PolicyTable
{
    private const int Context = 4032;
    private const int Tail = 64;

    public static void Run(string shared, Report report, CancellationToken cancellation)
    {
        using var model = CausalLanguageModel.Load(Path.Combine(shared, "models", "SmolLM2-135M-Instruct", "model.gguf"));
        MeasuringText text = MeasuringText.Open(model, Path.Combine(shared, "models", "tiny-recall", "text.txt"));
        using var windows = new Windows(model, text.Windows(TextPurpose.Judgement, 2, Context + Tail, 1, null, cancellation), Context, cancellation);
        ModelShape shape = model.Shape;
        long full = shape.FullCacheBytes(Context + Tail);
        report.Heading($"SmolLM2-135M-Instruct, {Context + Tail:N0} tokens, {text.Source} (tiny-recall's, Bible-like), 2 windows, {Tail} tokens judged in each");
        report.Paragraph($"Perplexity of the exact cache: {windows.ExactPerplexity():0.00}. Full bf16 cache: {full} bytes. Host bytes per step: what crosses the link for each token.");
        var rows = new List<string[]>();
        foreach ((string name, LayerPolicy policy) in Policies())
        {
            cancellation.ThrowIfCancellationRequested();
            MemoryBreakdown memory = Plan.Uniform(model.Fingerprint, Context + Tail, Usable(policy)).Memory;
            LayerPolicy[] layers = [.. Enumerable.Range(0, shape.Layers).Select(layer => policy.Problem(shape.Layer(layer), layer) is null ? policy : Usable(policy))];
            memory = MemoryModel.Predict(shape, model.Fingerprint.WeightBytes, layers, Context + Tail, 512);
            long perStep = layers.Select((layer, i) => layer.HostBytesPerStep(shape.Layer(i), Context + Tail)).Sum();
            var clock = Stopwatch.StartNew();
            (double loss, double perplexity) = windows.Whole(policy, Usable(policy));
            rows.Add([name, $"{memory.Cache + memory.Staging}", $"{100.0 * (memory.Cache + memory.Staging) / full:0.0} %", $"{memory.HostCache}", $"{perStep}", $"{loss:0.00000}", $"{perplexity:0.00}"]);
            Console.Error.WriteLine($"{string.Join("  ", rows[^1])}  {clock.Elapsed.TotalSeconds:0.0} s");
        }

        report.Table(["every layer", "device bytes", "share of full", "host bytes", "host bytes per step", "KL, nats per token", "perplexity"], rows);
    }

    // Layer 0 has no layer before it to predict a query from.
    private static LayerPolicy Usable(LayerPolicy policy) =>
        policy is RetrievedPolicy { Index: CriticalChannels } retrieved ? retrieved with { Index = new CodedKeys(new RotatedNormalFormat { Bits = 1 }) } : policy;

    private static IEnumerable<(string Name, LayerPolicy Policy)> Policies()
    {
        yield return ("full bf16", new FullPolicy());
        foreach ((int keys, int values) in new[] { (8, 8), (4, 4), (4, 2), (3, 3), (2, 2), (1, 1) })
            yield return ($"quantized, KIVI-style K{keys}V{values} g32", Catalogue.Kivi(keys, values));
        yield return ("quantized, KIVI-style K2V2 g32, 4 sinks", Catalogue.Kivi(2, 2) with { Sinks = 4 });
        foreach ((int keys, int values) in new[] { (4, 4), (3, 3), (2, 2), (1, 1) })
            yield return ($"quantized, rotated normal K{keys}V{values}", Catalogue.Rotated(keys, values));
        foreach (int bits in new[] { 4, 3, 2 })
        {
            yield return ($"quantized, rotated affine K{bits}V{bits} g64", new QuantizedPolicy
            {
                Keys = new RotatedAffineFormat { Bits = bits, Group = 64 },
                Values = new RotatedAffineFormat { Bits = bits, Group = 64 },
            });
        }

        yield return ("retrieved top-64, 8 critical channels", new RetrievedPolicy { TopK = 64, Index = new CriticalChannels(8) });
        yield return ("retrieved top-64, 1-bit rotated keys", new RetrievedPolicy { TopK = 64, Index = new CodedKeys(new RotatedNormalFormat { Bits = 1 }) });
        yield return ("retrieved top-64, 2-bit keys per channel g64", new RetrievedPolicy { TopK = 64, Index = new CodedKeys(new PerChannelFormat { Bits = 2, Group = 64 }) });
        yield return ("retrieved top-256, 2-bit keys per channel g64", new RetrievedPolicy { TopK = 256, Index = new CodedKeys(new PerChannelFormat { Bits = 2, Group = 64 }) });
        foreach ((int keys, int values, int k) in new[] { (1, 1, 64), (2, 2, 32), (2, 2, 64), (2, 2, 256), (3, 3, 64), (4, 3, 64) })
            yield return ($"refined, rotated normal K{keys}V{values}, top-{k}", Catalogue.Refined(keys, values, k));
        yield return ("refined, K 2-bit per channel g64, V 2-bit rotated normal, top-64", new RefinedPolicy
        {
            Keys = new PerChannelFormat { Bits = 2, Group = 64 },
            Values = new RotatedNormalFormat { Bits = 2 },
            TopK = 64,
        });
    }
}
