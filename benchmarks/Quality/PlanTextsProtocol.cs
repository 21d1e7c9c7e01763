using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Profiles;
using TailorKV.Profiler.Text;
using TailorKV.Runtime;
using TailorKV.Runtime.Formats;

namespace TailorKV.Quality;

/// <summary>Whole plans of SmolLM2 with keys in tiers beside plans of formats without calibration, on text like the profiles' and on three texts unlike it.</summary>
internal static class PlanTextsProtocol
{
    private const int WindowCount = 2;

    private static readonly double[] Shares = [0.15, 0.25];

    public static void Run(string shared, string profilePath, string withoutTiersPath, Report report, CancellationToken cancellation)
    {
        string folder = Path.Combine(shared, "models", "SmolLM2-135M-Instruct");
        using var model = CausalLanguageModel.Load(Path.Combine(folder, "model.gguf"));
        ModelProfile profile = CodesOnly(ModelProfile.Load(profilePath)), plain = CodesOnly(ModelProfile.Load(withoutTiersPath));
        int context = profile.Context + profile.Tail;
        long full = model.Shape.FullCacheBytes(context);
        List<(string Name, Plan Plan, Plan Plain)> plans =
        [
            .. from share in Shares
               from host in new[] { false, true }
               select ($"{share:0 %}, {(host ? "refined layers too" : "nothing on the host")}", Best(profile, share, host), Best(plain, share, host)),
        ];
        report.Heading($"Plans of {context:N0} tokens: keys in tiers beside none");
        report.Paragraph(
            "Of both profiles full, quantized and refined layers alone, so that the key formats are what differs. Without tiers: every pair of rotated normal codes of 1 to 4 bits, KIVI's and llama.cpp's, refined by 32 and 128 (plans/smollm2-135m-instruct/baselines.profile.json, one window). With them: the standard options (profile.json, two windows). Both of text.txt's first half, which is Bible-like. Refined layers differ in how many tokens they fetch too, up to 1,024 with tiers: rows without host memory are those that compare formats alone.");
        var rows = new List<string[]>();
        using var code = new SourceCode();
        foreach ((string name, IReadOnlyList<int[]> text) in Texts(model, shared, folder, code.Path, context, cancellation))
        {
            using var windows = new Windows(model, text, profile.Context, cancellation);
            foreach ((string plan, Plan tiers, Plan none) in plans)
            {
                cancellation.ThrowIfCancellationRequested();
                double withTiers = windows.Loss(tiers), without = windows.Loss(none);
                rows.Add([name, plan, $"{none.PredictedLoss:0.0000}", $"{without:0.0000}", $"{tiers.PredictedLoss:0.0000}", $"{withTiers:0.0000}", $"{withTiers / without:0.00}"]);
                Console.Error.WriteLine(string.Join("  ", rows[^1]));
            }
        }

        report.Table(["judged on", "plan", "without tiers: predicted", "measured", "with tiers: predicted", "measured", "ratio of measured"], rows);

        Plan Best(ModelProfile from, double share, bool host) => RecordedPlans.Best(host ? from : RecordedPlans.WithoutHost(from), context, (long)(share * full))!;
    }

    private static ModelProfile CodesOnly(ModelProfile profile) => RecordedPlans.Only(profile, (policy, _) => policy is FullPolicy or QuantizedPolicy or RefinedPolicy);

    private static IEnumerable<(string Name, IReadOnlyList<int[]> Windows)> Texts(CausalLanguageModel model, string shared, string folder, string code, int length, CancellationToken cancellation)
    {
        yield return ("the second half of the same text", Judged(Path.Combine(shared, "models", "tiny-recall", "text.txt")));
        using (var reference = SafetensorsFile.Open(Path.Combine(folder, "reference-4096.safetensors")))
            yield return ("Jargon File", [[.. reference.ReadIntegers("input_ids").Select(token => (int)token).Take(length)]]);
        yield return ("C# source", Judged(code));
        yield return ("the model's own words", [.. MeasuringText.Open(model, null).Windows(TextPurpose.Judgement, 1, length, 1, null, cancellation)]);

        IReadOnlyList<int[]> Judged(string path) => MeasuringText.Open(model, path).Windows(TextPurpose.Judgement, WindowCount, length, 1, null, cancellation);
    }
}
