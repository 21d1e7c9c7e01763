using System.Diagnostics;
using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Profiler.Measuring;
using TailorKV.Profiler.Text;
using TailorKV.Runtime;

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
        windows.Calibrate(ModelProfiler.Calibrate(model, text.Windows(TextPurpose.Calibration, 1, Context + Tail, 1, null, cancellation)[0], Context, null, cancellation));
        ModelShape shape = model.Shape;
        long full = shape.FullCacheBytes(Context + Tail);
        report.Heading($"SmolLM2-135M-Instruct, {Context + Tail:N0} tokens, {text.Source} (tiny-recall's, Bible-like), 2 windows, {Tail} tokens judged in each");
        report.Paragraph($"Perplexity of the exact cache: {windows.ExactPerplexity():0.00}. Full bf16 cache: {full} bytes. Host bytes per step: what crosses the link for each token.");
        var rows = new List<string[]>();
        foreach ((string name, LayerPolicy policy) in RecordedCaches.OfPolicies())
        {
            cancellation.ThrowIfCancellationRequested();
            LayerPolicy[] layers = RecordedCaches.Layers(shape, policy);
            MemoryBreakdown memory = MemoryModel.Predict(model.Fingerprint, layers, Context + Tail, PlanTarget.DefaultPrefillChunk);
            long perStep = layers.Select((layer, i) => layer.HostBytesPerStep(shape.Layer(i), Context + Tail)).Sum();
            var clock = Stopwatch.StartNew();
            (double loss, double perplexity) = windows.Whole(policy, RecordedCaches.Usable(policy));
            rows.Add([name, $"{memory.Cache + memory.Staging}", $"{100.0 * (memory.Cache + memory.Staging) / full:0.0} %", $"{memory.HostCache}", $"{perStep}", $"{loss:0.00000}", $"{perplexity:0.00}"]);
            Console.Error.WriteLine($"{string.Join("  ", rows[^1])}  {clock.Elapsed.TotalSeconds:0.0} s");
        }

        report.Table(["every layer", "device bytes", "share of full", "host bytes", "host bytes per step", "KL, nats per token", "perplexity"], rows);
    }
}
