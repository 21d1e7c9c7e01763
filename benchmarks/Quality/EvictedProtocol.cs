using System.Diagnostics;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Planner.Profiles;
using TailorKV.Profiler.Text;
using TailorKV.Runtime;

namespace TailorKV.Quality;

/// <summary>
/// Evicted layers of SmolLM2 at 4,096 tokens: every layer alike, by each score, beside retrieved and refined ones; and plans without host memory with and without evicted options, on text that
/// neither was made from.
/// </summary>
internal static class EvictedProtocol
{
    private const int WindowCount = 2;
    private const double Limit = 0.15;

    // bf16.
    private const int ExactBits = 16;

    // Those that may pay at the limit: 4 to 27 % of the full cache each.
    private static readonly EvictedPolicy[] Options =
    [
        .. from kept in new (double Share, int Bits)[] { (0.75, 4), (0.75, 3), (0.5, 4), (0.5, 3), (0.25, 4), (0.125, ExactBits) }
           select Evicted(kept.Share, EvictionScore.ExpectedAttention, kept.Bits),
        Evicted(0.5, EvictionScore.RecentAttention, 4), Evicted(0.25, EvictionScore.RecentAttention, 4),
    ];

    public static void Run(string shared, string profilePath, Report report, CancellationToken cancellation)
    {
        using var model = CausalLanguageModel.Load(Path.Combine(shared, "models", "SmolLM2-135M-Instruct", "model.gguf"));
        ModelProfile profile = ModelProfile.Load(profilePath);
        MeasuringText text = MeasuringText.Open(model, Path.Combine(shared, "models", "tiny-recall", "text.txt"));
        int context = profile.Context + profile.Tail;
        long full = model.Shape.FullCacheBytes(context);
        using var windows = new Windows(model, text.Windows(TextPurpose.Judgement, WindowCount, context, 1, null, cancellation), profile.Context, cancellation);
        report.Heading($"Every layer alike: {context:N0} tokens, {text.Source} (tiny-recall's, Bible-like), {WindowCount} windows, {profile.Tail} tokens judged in each");
        report.Paragraph($"Full bf16 cache: {full} bytes. Device bytes: caches and staging. Perplexity of the exact cache: {windows.ExactPerplexity():0.00}.");
        var rows = new List<string[]>();
        foreach ((string name, LayerPolicy policy) in EvictedRows().Concat(Others()))
        {
            cancellation.ThrowIfCancellationRequested();
            var clock = Stopwatch.StartNew();
            MemoryBreakdown memory = Memory(model, RecordedCaches.Layers(model.Shape, policy), context);
            (double loss, double perplexity) = windows.Whole(policy, RecordedCaches.Usable(policy));
            rows.Add([name, $"{memory.Cache + memory.Staging}", $"{100.0 * (memory.Cache + memory.Staging) / full:0.0} %", $"{memory.HostCache}", $"{loss:0.00000}", $"{perplexity:0.00}"]);
            Console.Error.WriteLine($"{string.Join("  ", rows[^1])}  {clock.Elapsed.TotalSeconds:0.0} s");
        }

        report.Table(["every layer", "device bytes", "share of full", "host bytes", "KL, nats per token", "perplexity"], rows);
        Plans(model, text, profile, windows, report, cancellation);
    }

    private static void Plans(CausalLanguageModel model, MeasuringText text, ModelProfile profile, Windows judgement, Report report, CancellationToken cancellation)
    {
        int context = profile.Context + profile.Tail;
        long limit = (long)(Limit * model.Shape.FullCacheBytes(context));
        ModelProfile resident = RecordedPlans.WithoutEvicted(RecordedPlans.WithoutHost(profile)), more = WithEvicted(model, text, resident, cancellation);
        report.Heading($"Plans of {Limit:0 %} of the full cache without host memory: at most {limit} device bytes of caches");
        report.Paragraph(
            $"The published profile's options, and with them {Options.Length} evicted ones, each measured in every layer on the profile's own {profile.Text.Windows} windows: {string.Join("; ", Options.Select(option => option.Describe()))}.");
        var rows = new List<string[]>();
        foreach ((string name, ModelProfile from) in new[] { ("without evicted options", resident), ("with evicted options", more) })
        {
            Plan plan = RecordedPlans.Best(from, context, limit)!;
            MemoryBreakdown memory = Memory(model, plan.Policies, context);
            string kinds = string.Join(", ", plan.Policies.CountBy(policy => policy.Kind.Name).Select(kind => $"{kind.Value} {kind.Key}"));
            rows.Add([name, $"{memory.Cache + memory.Staging}", kinds, $"{plan.PredictedLoss:0.000000}", $"{judgement.Loss(plan):0.000000}"]);
            Console.Error.WriteLine(string.Join("  ", rows[^1]));
            Console.Error.WriteLine(string.Join("\n", plan.Policies.Select((policy, layer) => $"{layer}: {policy.Kind} {policy.Describe()}")));
        }

        report.Table(["plan", "device bytes", "layers", "predicted KL", "measured KL, nats per token"], rows);
    }

    /// <summary>The profile with evicted options, measured on its own text.</summary>
    private static ModelProfile WithEvicted(CausalLanguageModel model, MeasuringText text, ModelProfile profile, CancellationToken cancellation)
    {
        using var windows = new Windows(
            model, text.Windows(TextPurpose.Calibration, profile.Text.Windows, profile.Context + profile.Tail, profile.Text.Seed, null, cancellation), profile.Context, cancellation);
        return profile with
        {
            Layers = [.. profile.Layers.Select(layer =>
            {
                Console.Error.WriteLine($"layer {layer.Layer}");
                cancellation.ThrowIfCancellationRequested();
                return layer with
                {
                    Options = [.. layer.Options, .. Options.Select(option => new MeasuredOption { Policy = option, Loss = windows.SingleLayer(layer.Layer, option), OutputError = 0 })],
                };
            })],
        };
    }

    private static MemoryBreakdown Memory(CausalLanguageModel model, IReadOnlyList<LayerPolicy> policies, int context) =>
        MemoryModel.Predict(model.Fingerprint, policies, context, PlanTarget.DefaultPrefillChunk);

    private static IEnumerable<(string Name, LayerPolicy Policy)> EvictedRows() =>
        from bits in new[] { ExactBits, 4 }
        from score in Enum.GetValues<EvictionScore>()
        from share in new[] { 0.5, 0.25, 0.125 }
        let policy = Evicted(share, score, bits)
        select ($"evicted, {policy.Describe()}", (LayerPolicy)policy);

    private static IEnumerable<(string Name, LayerPolicy Policy)> Others() => RecordedCaches.OfPolicies().Where(row =>
        row.Name is "quantized, rotated normal K4V4" or "quantized, rotated normal K2V2" or "retrieved top-64, 8 critical channels" or "retrieved top-256, 2-bit keys per channel g64"
            or "refined, rotated normal K2V2, top-64" or "refined, rotated normal K3V3, top-64");

    private static EvictedPolicy Evicted(double share, EvictionScore score, int bits) => new()
    {
        Share = share,
        Score = score,
        Keys = bits < ExactBits ? new RotatedNormalFormat { Bits = bits } : null,
        Values = bits < ExactBits ? new RotatedNormalFormat { Bits = bits } : null,
    };
}
