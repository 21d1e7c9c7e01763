using System.Text.Json;
using TailorKV.Planner.Plans;
using TailorKV.Profiler.Verification;

namespace TailorKV.Cli.Results;

/// <summary>What 'verify --json' writes.</summary>
internal sealed record VerifyResult(
    string Plan, string Text, int Context, int JudgedTokens, PredictedAndMeasured Device, PredictedAndMeasured Host, VerifyResult.LossPrediction Loss, VerifyResult.Prediction SecondsPerToken,
    long HostBytesPerStep, double TopAgreement,
    VerifyResult.Pair Perplexity, VerifyResult.Pair Accuracy, VerifyResult.Pair TokensPerSecond, VerifyResult.Needle? Needles, IReadOnlyList<VerifyResult.NeedleCell> NeedleCells,
    IReadOnlyList<VerifyResult.TaskAnswers> Tasks, bool Passed)
{
    /// <summary>What the plan predicts, if anything, and what was measured.</summary>
    public sealed record Prediction(double? Predicted, double Measured);

    /// <summary>The loss that the plan predicts, if any, and that measured, each with its standard error where that is known; the agreement is null where one of them is not.</summary>
    public sealed record LossPrediction(double? Predicted, double? PredictedError, double Measured, double? MeasuredError, string? Agreement);

    /// <summary>A quantity under the plan and with every layer in full.</summary>
    public sealed record Pair(double Plan, double Full);

    /// <summary>Questions about hidden facts answered right.</summary>
    public sealed record Needle(int Passages, int Plan, int Full);

    /// <summary>The same by length, facts in a passage, and depth in percent of the fact asked for.</summary>
    public sealed record NeedleCell(int Length, int Keys, int Depth, int Passages, int Plan, int Full);

    /// <summary>A file's tasks answered right.</summary>
    public sealed record TaskAnswers(string File, int Tasks, int Plan, int Full);

    public static VerifyResult From(PlanVerification verification, Plan plan, string path) => new(
        path, verification.Text, verification.Context, verification.JudgedTokens, verification.Device, verification.Host,
        LossOf(verification),
        new Prediction(plan.Target.Batch == 1 ? plan.Time?.TotalNanoseconds / 1e9 : null, 1 / verification.TokensPerSecond), plan.Memory.OfOne(plan.Target.Batch).HostPerStep,
        verification.TopAgreement,
        new Pair(verification.Perplexity, verification.ExactPerplexity), new Pair(verification.Accuracy, verification.ExactAccuracy), new Pair(verification.TokensPerSecond, verification.FullTokensPerSecond),
        verification.Needles is { } needles ? new Needle(needles.Passages, needles.Right, needles.FullRight) : null,
        [.. verification.NeedleCells.Select(cell => new NeedleCell(cell.Length, cell.Keys, cell.Depth, cell.Passages, cell.Right, cell.FullRight))],
        [.. verification.Tasks.Select(task => new TaskAnswers(task.File, task.Tasks, task.Right, task.FullRight))],
        verification.BytesAsPredicted);

    public static LossPrediction LossOf(PlanVerification verification) => new(
        verification.PredictedLoss, verification.PredictedLossError, verification.MeasuredLoss, verification.MeasuredLossError,
        verification.LossAgreement is { } agreement ? JsonNamingPolicy.CamelCase.ConvertName($"{agreement}") : null);
}
