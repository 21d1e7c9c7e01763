using TailorKV.Planner.Baselines;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Profiles;
using TailorKV.Profiler.Text;
using TailorKV.Runtime;

namespace TailorKV.Quality;

/// <summary>Plans made from the published profile of SmolLM2 beside what others would keep in the same device bytes, on text that neither was made from.</summary>
internal static class EqualBytesProtocol
{
    private const int WindowCount = 2;

    // Of caches alike in every layer, those that leave more than this of the bytes unused lose more than others do.
    private const double LeastUse = 0.6;

    private static readonly double[] Shares = [0.25, 0.15, 0.09, 0.05];

    public static void Run(string shared, string profilePath, Report report, CancellationToken cancellation)
    {
        using var model = CausalLanguageModel.Load(Path.Combine(shared, "models", "SmolLM2-135M-Instruct", "model.gguf"));
        ModelProfile profile = ModelProfile.Load(profilePath);
        MeasuringText text = MeasuringText.Open(model, Path.Combine(shared, "models", "tiny-recall", "text.txt"));
        int context = profile.Context + profile.Tail;
        ModelProfile pairs = KVTunerProfile(model, text, profile, cancellation);
        using var windows = new Windows(model, text.Windows(TextPurpose.Judgement, WindowCount, context, 1, null, cancellation), profile.Context, cancellation);
        windows.Calibrate([.. profile.Layers.Select(layer => layer.Calibration)]);
        long full = model.Shape.FullCacheBytes(context);
        report.Paragraph($"SmolLM2-135M-Instruct, {context:N0} tokens, {text.Source}: {WindowCount} windows of the half that the profile did not see, {profile.Tail} tokens judged in each. Of caches alike in every layer each that fits is measured, but for those that leave two fifths of the bytes unused; llama.cpp's are measured though they do not fit. Plans with critical channels hold predicted queries among their activations, which no row counts.");

        foreach (double share in Shares)
        {
            long limit = (long)(share * full);
            report.Heading($"{share:0 %} of the full f16 cache: at most {limit} device bytes of caches");
            var rows = new List<(string Name, string Kind, long Bytes, double Loss)>();
            foreach ((string name, LayerPolicy policy) in RecordedCaches.OfEqualBytes())
            {
                string kind = name.Split(',')[0];
                Add(name, kind, [.. Enumerable.Repeat(policy, model.Shape.Layers)], requireFit: kind != "llama.cpp");
            }

            Add("TailorKV-1 (threshold 0.2)", "tau rule", TailorKVRule.Make(profile, context, 1).Policies, requireFit: false);
            Add("TailorKV-2 (threshold 0.2)", "tau rule", TailorKVRule.Make(profile, context, 2).Policies, requireFit: false);
            if (RecordedPlans.Best(pairs, context, limit) is { } tuned)
                Add("KVTuner-style: KIVI pairs by layer", "search", tuned.Policies, requireFit: true);
            if (RecordedPlans.Best(RecordedPlans.WithoutEvicted(RecordedPlans.WithoutHost(profile)), context, limit) is { } whole)
                Add("plan, nothing on the host, no token lost", "ours", whole.Policies, requireFit: true);
            if (RecordedPlans.Best(RecordedPlans.WithoutHost(profile), context, limit) is { } resident)
                Add("plan, nothing on the host", "ours", resident.Policies, requireFit: true);
            if (RecordedPlans.Best(profile, context, limit) is { } plan)
                Add("plan", "ours", plan.Policies, requireFit: true);

            report.Table(
                ["cache", "device bytes", "share of full", "KL, nats per token"],
                rows.Select(row => (string[])[row.Name, $"{row.Bytes}", $"{(double)row.Bytes / full:0.0%}{(row.Bytes > limit ? ", over" : "")}", $"{row.Loss:0.000000}"]));
            double kivi = rows.Where(row => row.Kind == "KIVI").Select(row => row.Loss).DefaultIfEmpty(double.NaN).Min();
            double best = rows.Where(row => row.Bytes <= limit && row.Kind is "KIVI" or "rotated" or "per channel and rotated" or "tiers" or "evicted" or "llama.cpp").Select(row => row.Loss).DefaultIfEmpty(double.NaN).Min();
            foreach ((string name, _, _, double loss) in rows.Where(row => row.Kind == "ours" && double.IsFinite(best)))
            {
                string beside = double.IsFinite(kivi) ? $"{loss / kivi:0.0000} of the best uniform KIVI-style, " : "";
                report.Paragraph($"{name}: {beside}{loss / best:0.0000} of the best uniform cache of any format.");
            }

            void Add(string name, string kind, IReadOnlyList<LayerPolicy> policies, bool requireFit)
            {
                cancellation.ThrowIfCancellationRequested();
                MemoryBreakdown memory = MemoryModel.Predict(model.Fingerprint, policies, context, PlanTarget.DefaultPrefillChunk);
                long bytes = memory.Cache + memory.Staging;
                if (requireFit && (bytes > limit || (kind is not ("ours" or "search") && bytes < LeastUse * limit)))
                    return;
                rows.Add((name, kind, bytes, windows.Loss(policies)));
                Console.Error.WriteLine($"{share:0%}  {rows[^1]}");
            }
        }
    }

    /// <summary>The same measures of the pairs of widths that KVTuner (arXiv 2502.04420) searches, from the profile's own text.</summary>
    private static ModelProfile KVTunerProfile(CausalLanguageModel model, MeasuringText text, ModelProfile profile, CancellationToken cancellation)
    {
        using var windows = new Windows(
            model, text.Windows(TextPurpose.Calibration, profile.Text.Windows, profile.Context + profile.Tail, profile.Text.Seed, null, cancellation), profile.Context, cancellation);
        LayerPolicy[] options = [new FullPolicy(), .. RecordedCaches.Pairs(8, 4, 2).Select(pair => Catalogue.Kivi(pair.Keys, pair.Values))];
        return profile with
        {
            Layers = [.. profile.Layers.Select(layer => layer with
            {
                Options = [.. options.Select(option => new MeasuredOption { Policy = option, Loss = windows.SingleLayer(layer.Layer, option), OutputError = 0 })],
            })],
        };
    }
}
