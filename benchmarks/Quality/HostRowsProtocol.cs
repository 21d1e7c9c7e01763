using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Profiler.Measuring;
using TailorKV.Runtime;

namespace TailorKV.Quality;

/// <summary>What coding rows on the host saves of host memory and of the host link, and what it loses.</summary>
internal static class HostRowsProtocol
{
    private const int Context = 1024;
    private const int Tail = 64;

    public static void Run(string shared, Report report, CancellationToken cancellation)
    {
        string folder = Path.Combine(shared, "models", "SmolLM2-135M-Instruct");
        using var model = CausalLanguageModel.Load(Path.Combine(folder, "model.gguf"));
        int[][] tokens = TiersProtocol.Reference(folder);
        using var windows = new Windows(model, tokens[1..3], Context, cancellation);
        windows.Calibrate(ModelProfiler.Calibrate(model, tokens[0], Context, null, cancellation));

        report.Heading($"SmolLM2-135M-Instruct, every layer alike, the reference's windows 1 and 2 of {Context:N0} + {Tail} tokens, tiers calibrated by window 0");
        report.Paragraph("Host rows: how keys and values between sinks and window lie in host memory; 8-bit and 4-bit are rotated blocks. Host bytes: of all layers' caches. Link bytes: what crosses the host link for each decoded token.");
        var rows = new List<string[]>();
        foreach ((string name, OffloadedPolicy policy) in RecordedCaches.OfHostRows())
        {
            cancellation.ThrowIfCancellationRequested();
            LayerPolicy[] layers = RecordedCaches.Layers(model.Shape, policy);
            MemoryBreakdown memory = MemoryModel.Predict(model.Fingerprint, layers, Context + Tail, PlanTarget.DefaultPrefillChunk);
            (double loss, double perplexity) = windows.Whole(policy);
            rows.Add([name, policy.HostRows is SingleWidthFormat coded ? $"{coded.Bits}-bit" : "bf16", $"{memory.HostCache}", $"{memory.HostPerStep}", $"{loss:0.00000}", $"{perplexity:0.000}"]);
            Console.Error.WriteLine(string.Join("  ", rows[^1]));
        }

        report.Table(["every layer", "host rows", "host bytes", "link bytes per step", "KL, nats per token", "perplexity"], rows);
    }
}
