using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Planner.Profiles;
using TailorKV.Profiler.Text;
using TailorKV.Runtime;

namespace TailorKV.Quality;

/// <summary>Retrieved layers that take the fewest device bytes: which index, and how many tokens, when nothing generated stays on the device. On text that the published profile was not made from.</summary>
internal static class FewBytesProtocol
{
    private const int WindowCount = 2;

    private static readonly KeyIndex[] Indexes =
    [
        .. from bits in new int[][] { [2, 0, 0, 0], [3, 0, 0, 0], [3, 1, 0, 0] } select new CodedKeys(new TieredNormalFormat { Tiers = bits }),
        .. from count in new[] { 8, 12, 16, 32 } select new CriticalChannels(count),
    ];

    public static void Run(string shared, string profilePath, Report report, CancellationToken cancellation)
    {
        using var model = CausalLanguageModel.Load(Path.Combine(shared, "models", "SmolLM2-135M-Instruct", "model.gguf"));
        ModelProfile profile = ModelProfile.Load(profilePath);
        MeasuringText text = MeasuringText.Open(model, Path.Combine(shared, "models", "tiny-recall", "text.txt"));
        int context = profile.Context + profile.Tail;
        long full = model.Shape.FullCacheBytes(context);
        using var windows = new Windows(model, text.Windows(TextPurpose.Judgement, WindowCount, context, 1, null, cancellation), profile.Context, cancellation);
        windows.Calibrate([.. profile.Layers.Select(layer => layer.Calibration)]);
        report.Heading($"SmolLM2-135M-Instruct, {context:N0} tokens, {text.Source} (tiny-recall's, Bible-like), {WindowCount} windows of the half that the profile did not see, {profile.Tail} tokens judged in each");
        report.Paragraph($"Full bf16 cache: {full} bytes. Every layer retrieved alike, 4 sinks, recent 32, nothing generated kept; by critical channels but for layer 0, which has 1-bit rotated keys. Link bytes: what each decoded token fetches from the host.");
        var rows = new List<string[]>();
        foreach (int topK in new[] { 256, 512, 1024, 2048 })
        {
            foreach (KeyIndex index in Indexes)
            {
                cancellation.ThrowIfCancellationRequested();
                var policy = new RetrievedPolicy { TopK = topK, Index = index, Generated = 0 };
                MemoryBreakdown memory = MemoryModel.Predict(model.Fingerprint, RecordedCaches.Layers(model.Shape, policy), context, PlanTarget.DefaultPrefillChunk);
                long device = memory.Cache + memory.Staging;
                rows.Add([$"top-{topK} by {index.Describe()}", $"{device}", $"{100.0 * device / full:0.0} %", $"{memory.HostCache}", $"{memory.HostPerStep}", $"{windows.Whole(policy, RecordedCaches.Usable(policy)).Loss:0.00000}"]);
                Console.Error.WriteLine(string.Join("  ", rows[^1]));
            }
        }

        report.Table(["every layer", "device bytes", "share of full", "host bytes", "link bytes per step", "KL, nats per token"], rows);
    }
}
