using TailorKV.Profiler.Verification;

namespace TailorKV.Cli.Results;

/// <summary>What 'verify --json' writes.</summary>
internal sealed record VerifyResult(
    string Plan, string Text, int Context, int JudgedTokens, PredictedAndMeasured Device, PredictedAndMeasured Host, VerifyResult.PredictedLoss Loss, double TopAgreement,
    VerifyResult.Pair Perplexity, VerifyResult.Pair TokensPerSecond, VerifyResult.Needle? Needles, bool Passed)
{
    /// <summary>Nats per token.</summary>
    public sealed record PredictedLoss(double? Predicted, double Measured);

    /// <summary>A quantity under the plan and with every layer in full.</summary>
    public sealed record Pair(double Plan, double Full);

    /// <summary>Questions about hidden facts answered right.</summary>
    public sealed record Needle(int Passages, int Plan, int Full);

    public static VerifyResult From(PlanVerification verification, string plan) => new(
        plan, verification.Text, verification.Context, verification.JudgedTokens, verification.Device, verification.Host,
        new PredictedLoss(verification.PredictedLoss, verification.MeasuredLoss), verification.TopAgreement,
        new Pair(verification.Perplexity, verification.ExactPerplexity), new Pair(verification.TokensPerSecond, verification.FullTokensPerSecond),
        verification.Needles is { } needles ? new Needle(needles.Passages, needles.Right, needles.FullRight) : null,
        verification.Device.PredictedBytes == verification.Device.MeasuredBytes && verification.Host.PredictedBytes == verification.Host.MeasuredBytes);
}
