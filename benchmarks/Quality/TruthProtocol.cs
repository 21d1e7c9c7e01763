using TailorKV.Planner.Plans;
using TailorKV.Planner.Profiles;
using TailorKV.Profiler.Text;
using TailorKV.Runtime;

namespace TailorKV.Quality;

/// <summary>Twenty plans between 10 % and 60 % of the full cache, made from the published profile of SmolLM2: what they predict beside what they do on text they were not made from.</summary>
internal static class TruthProtocol
{
    private const int WindowCount = 2;

    // Above this the sum of single layers' losses is no longer meant to hold.
    private const double MostLoss = 0.1;

    public static void Run(string shared, string profilePath, Report report, CancellationToken cancellation)
    {
        using var model = CausalLanguageModel.Load(Path.Combine(shared, "models", "SmolLM2-135M-Instruct", "model.gguf"));
        ModelProfile profile = ModelProfile.Load(profilePath), resident = RecordedPlans.WithoutHost(profile);
        MeasuringText text = MeasuringText.Open(model, Path.Combine(shared, "models", "tiny-recall", "text.txt"));
        int context = profile.Context + profile.Tail;
        using var windows = new Windows(model, text.Windows(TextPurpose.Judgement, WindowCount, context, 1, null, cancellation), profile.Context, cancellation);
        long full = model.Shape.FullCacheBytes(context);

        report.Heading($"{RecordedPlans.TruthPlans} plans of SmolLM2-135M-Instruct, {context:N0} tokens, {text.Source}: {WindowCount} windows of the half that the profile did not see, {profile.Tail} tokens judged in each");
        var rows = new List<string[]>();
        var points = new List<(double Predicted, double Measured)>();
        for (int i = 0; i < RecordedPlans.TruthPlans; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            bool host = i % 2 == 0;
            double share = RecordedPlans.TruthShare(i);
            Plan? plan = RecordedPlans.Best(host ? profile : resident, context, (long)(share * full));
            if (plan is null)
            {
                rows.Add([$"{share:0.0%}", host ? "yes" : "no", "no plan fits", "", "", ""]);
                continue;
            }

            double measured = windows.Loss(plan), predicted = plan.PredictedLoss!.Value;
            points.Add((predicted, measured));
            rows.Add([$"{share:0.0%}", host ? "yes" : "no", $"{plan.Memory.Cache + plan.Memory.Staging}", $"{predicted:0.000000}", $"{measured:0.000000}", $"{(predicted / measured) - 1:+0%;-0%}"]);
            Console.Error.WriteLine(string.Join("  ", rows[^1]));
        }

        report.Table(["budget", "host memory", "device bytes of caches", "predicted loss", "measured loss", "error"], rows);
        report.Paragraph(
            $"Rank correlation (Spearman) of predicted and measured loss: {RankCorrelation(points):0.000}. "
            + $"Median error of the predicted loss where {MostLoss} nats or less were measured: {Median([.. points.Where(p => p.Measured <= MostLoss).Select(p => Math.Abs((p.Predicted / p.Measured) - 1))]):0.0%}.");
    }

    /// <summary>Spearman's rank correlation of pairs.</summary>
    public static double RankCorrelation(List<(double Predicted, double Measured)> points)
    {
        double[] predicted = Ranks([.. points.Select(p => p.Predicted)]), measured = Ranks([.. points.Select(p => p.Measured)]);
        double mean = (points.Count - 1) / 2.0;
        double Sum(Func<int, double> of) => Enumerable.Range(0, points.Count).Sum(of);
        return Sum(i => (predicted[i] - mean) * (measured[i] - mean))
            / Math.Sqrt(Sum(i => Math.Pow(predicted[i] - mean, 2)) * Sum(i => Math.Pow(measured[i] - mean, 2)));
    }

    // Equal values share the mean of their ranks.
    private static double[] Ranks(double[] values) => [.. values.Select(value => values.Count(other => other < value) + ((values.Count(other => other == value) - 1) / 2.0))];

    private static double Median(double[] values)
    {
        Array.Sort(values);
        return values.Length == 0 ? double.NaN : (values[(values.Length - 1) / 2] + values[values.Length / 2]) / 2;
    }
}
