using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Planner.Profiles;
using TailorKV.Profiler.Measuring;
using TailorKV.Profiler.Tasks;
using TailorKV.Profiler.Text;
using TailorKV.Runtime;

namespace TailorKV.Quality;

/// <summary>
/// The table of tiny-recall's README: passages with eight notes, one question; the newest 32 tokens of the passage exact; exact answers, and KL over question
/// and answer. Every row but full keeps the first 4 tokens exact. Beside them plans of fewer bytes, made from the published profile.
/// </summary>
internal static class NeedleProtocol
{
    private const int Passages = 100;
    private const int Seed = 1;

    // What a plan has room for besides the passage: question and answer.
    private const int Asked = 64;

    // A key's and a value's, in bf16.
    private const int ExactBits = 32;

    private static readonly RetrievedPolicy[] FewTokens =
    [
        .. from topK in new[] { 32, 64 }
           from index in new KeyIndex[] { new CodedKeys(new TieredNormalFormat { Tiers = [2, 0, 0, 0] }), new CodedKeys(new TieredNormalFormat { Tiers = [3, 1, 0, 0] }), new CriticalChannels(4), new CriticalChannels(8) }
           select new RetrievedPolicy { TopK = topK, Index = index, Generated = 0, TailWeight = index is CodedKeys ? 0.25 : 0 },
    ];

    private static readonly double[] Shares = [0.06, 0.04];

    public static void Run(string shared, string profilePath, Report report, CancellationToken cancellation)
    {
        string path = Path.Combine(AppContext.BaseDirectory, "..", "..", "..", "..", "..", "models", "tiny-recall");
        using var model = CausalLanguageModel.Load(Path.GetFullPath(path));
        MeasuringText text = MeasuringText.Open(model, Path.Combine(shared, "models", "tiny-recall", "text.txt"));
        ModelProfile profile = WithFewTokens(model, text, ModelProfile.Load(profilePath), cancellation);
        KeyCalibration?[] calibrations = [.. profile.Layers.Select(layer => layer.Calibration)];
        foreach ((int length, int theirPassages) in new[] { (2048, 60), (4000, 40) })
        {
            report.Heading($"{length:N0} tokens: {Passages} passages here (seed {Seed}), {theirPassages} there");
            IReadOnlyList<ExactMatchTask> passages = text.Needles(Passages, length, Seed);
            Row[] rows = [.. Rows, .. Plans(profile, length + Asked)];
            double[] loss = new double[rows.Length];
            int[] right = new int[rows.Length];
            int judged = 0;
            foreach (ExactMatchTask passage in passages)
            {
                cancellation.ThrowIfCancellationRequested();
                int[] window = [.. passage.Context, .. passage.Question, .. passage.Answer];
                using var measurement = new WindowMeasurement(model, window, passage.Context.Length, null, cancellation) { Calibrations = calibrations };
                judged += window.Length - passage.Context.Length;
                for (int row = 0; row < rows.Length; row++)
                {
                    // An answer is right in every token if each is the likeliest after the right ones before it.
                    bool answered = true;
                    double[] losses = measurement.MeasureAll(rows[row].For(model.Shape.Layers), (position, logits) =>
                    {
                        int index = position + 1 - (window.Length - passage.Answer.Length);
                        answered &= index < 0 || index >= passage.Answer.Length || passage.Follows(index, logits);
                    });
                    loss[row] += losses.Sum();
                    right[row] += answered ? 1 : 0;
                }

                Console.Error.Write('.');
            }

            report.Table(
                ["every layer, or a plan", "device bits a pair", "exact answers, ours", "other", "KL, ours", "other"],
                rows.Select((row, i) =>
                {
                    (double accuracy, double kl) = length == 2048 ? row.At2048 : row.At4000;
                    return new[] { row.Name, row.Bits, $"{(double)right[i] / Passages:0.00}", double.IsNaN(accuracy) ? "" : $"{accuracy:0.00}", $"{loss[i] / judged:0.0000}", double.IsNaN(kl) ? "" : $"{kl:0.0000}" };
                }));
        }

        report.Paragraph(
            $"Plans are made from the published profile, of {profile.Context + profile.Tail:N0} tokens, with options of very few bytes besides, which `profile --options all` has: {string.Join("; ", FewTokens.Select(option => option.Describe()))}.");
        report.Paragraph("A share p of n passages has a standard error of sqrt(p (1 - p) / n): 0.05 for a half of 100, 0.08 for a half of 40.");
    }

    /// <summary>The profile with options of very few bytes, measured on its own windows.</summary>
    private static ModelProfile WithFewTokens(CausalLanguageModel model, MeasuringText text, ModelProfile profile, CancellationToken cancellation)
    {
        using var windows = new Windows(
            model, text.Windows(TextPurpose.Calibration, profile.Text.Windows, profile.Context + profile.Tail, profile.Text.Seed, null, cancellation), profile.Context, cancellation);
        windows.Calibrate([.. profile.Layers.Select(layer => layer.Calibration)]);
        return profile with
        {
            Layers = [.. profile.Layers.Select(layer => layer with
            {
                Options = [.. layer.Options, .. Catalogue.Allowed(FewTokens, model.Shape.Layer(layer.Layer), layer.Layer).Select(option => new MeasuredOption { Policy = option, Loss = windows.SingleLayer(layer.Layer, option), OutputError = 0 })],
            })],
        };
    }

    /// <summary>Plans of few bytes, with host memory and without, where there are any.</summary>
    private static IEnumerable<Row> Plans(ModelProfile profile, int context)
    {
        double full = profile.Model.Shape.FullCacheBytes(context);
        foreach (double share in Shares)
        {
            foreach ((string memory, ModelProfile from) in new[] { ("with host memory", profile), ("nothing on the host", RecordedPlans.WithoutHost(profile)) })
            {
                if (RecordedPlans.Best(from, context, (long)(share * full)) is not { } plan)
                    continue;
                double taken = (plan.Memory.Cache + plan.Memory.Staging) / full;
                string kinds = string.Join(", ", plan.Policies.CountBy(policy => policy.Kind.Name).Select(kind => $"{kind.Value} {kind.Key}"));
                yield return new Row($"plan of {share:0 %} of the bytes, {memory}: {kinds}", $"{ExactBits * taken:0.00}", plan.Policies, Unknown, Unknown);
            }
        }
    }

    private sealed record Row(string Name, string Bits, IReadOnlyList<LayerPolicy> Policies, (double Right, double Loss) At2048, (double Right, double Loss) At4000)
    {
        public Row(string name, string bits, LayerPolicy policy, (double Right, double Loss) at2048, (double Right, double Loss) at4000)
            : this(name, bits, [policy], at2048, at4000)
        {
        }

        /// <summary>One a layer, where one stands for all.</summary>
        public IReadOnlyList<LayerPolicy> For(int layers) => Policies.Count == layers ? Policies : [.. Enumerable.Repeat(Policies[0], layers)];
    }

    private static readonly Row[] Rows =
    [
        new("full", "32", new FullPolicy(), (1.00, double.NaN), (0.98, double.NaN)),
        new("affine K4V4", "10", Affine(4), (1.00, 0.016), (0.98, 0.018)),
        new("affine K2V2", "6", Affine(2), (0.62, 0.46), (0.55, 0.44)),
        new("affine K1V1", "4", Affine(1), (0.00, 4.5), (0.00, 5.0)),
        new("rotated K3V3", "7", Rotated(3), (0.95, 0.092), (0.83, 0.16)),
        new("rotated K2V2", "5", Rotated(2), (0.42, 0.48), (0.35, 0.60)),
        new("rotated K1V1", "3", Rotated(1), (0.10, 1.4), (0.05, 1.9)),
        new("5-3-2-1 tiers, V3", "6.25", Tiers([5, 3, 2, 1], 3), Unknown, Unknown),
        new("4-2-1-1 tiers, V2", "4.5", Tiers([4, 2, 1, 1], 2), Unknown, Unknown),
        new("3-1-0-0 tiers, V1", "2.5", Tiers([3, 1, 0, 0], 1), Unknown, Unknown),
        new("3-1-0-0 tiers, V 2-0 principal", "2.5, directions", Catalogue.InTiers([3, 1, 0, 0], [2, 0]) with { Generated = 64 }, Unknown, Unknown),
        new("refined, 3-1-0-0 tiers, V1, top-32", "2.5", RefinedTiers([3, 1, 0, 0], 1), Unknown, Unknown),
        new("refined, 4-2-1-1 tiers, V2, top-32", "4.5", RefinedTiers([4, 2, 1, 1], 2), Unknown, Unknown),
        new("refined, 3-1-0-0 tiers, V 2-0 principal, top-32", "2.5, directions", RefinedTiers([3, 1, 0, 0], 1) with { Values = new PrincipalNormalFormat { Tiers = [2, 0] } }, Unknown, Unknown),
        new("retrieved, exact scores, top-32", "(index)", Retrieved(32), (1.00, 0.092), (0.85, 0.26)),
        new("retrieved, exact scores, top-64", "(index)", Retrieved(64), (1.00, 0.063), (0.85, 0.21)),
        new("retrieved, exact scores, top-32, the rest x 0.25", "(index)", Retrieved(32) with { TailWeight = 0.25 }, Unknown, Unknown),
        new("refined, rotated K1V1, top-32", "3", Refined(1), (1.00, 0.033), (0.98, 0.34)),
        new("refined, rotated K2V2, top-32", "5", Refined(2), (1.00, 0.0021), (0.98, 0.0067)),
        new("refined, rotated K3V3, top-32", "7", Refined(3), (1.00, 0.0003), (0.98, 0.0006)),
    ];

    // Of rows that the other program has not.
    private static (double, double) Unknown => (double.NaN, double.NaN);

    private static QuantizedPolicy Tiers(int[] keys, int values) => Catalogue.InTiers(keys, values) with { Generated = 64 };

    private static RefinedPolicy RefinedTiers(int[] keys, int values) =>
        new() { Keys = new TieredNormalFormat { Tiers = keys }, Values = new RotatedNormalFormat { Bits = values }, TopK = 32, Generated = 64 };

    // Question and answer stay exact, as the protocol has it.
    private static QuantizedPolicy Affine(int bits) => Catalogue.Kivi(bits, bits) with { Sinks = 4, Generated = 64 };

    private static QuantizedPolicy Rotated(int bits) => Catalogue.Rotated(bits, bits) with { Generated = 64 };

    private static RefinedPolicy Refined(int bits) => Catalogue.Refined(bits, bits, 32) with { Generated = 64 };

    private static RetrievedPolicy Retrieved(int k) => new() { TopK = k, Index = new CodedKeys(new RotatedAffineFormat { Bits = 8 }) };
}
