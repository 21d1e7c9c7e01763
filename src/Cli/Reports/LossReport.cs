using TailorKV.Cli.Output;
using TailorKV.Cli.Results;

namespace TailorKV.Cli.Reports;

/// <summary>What 'verify' says of the loss: whether it is what the plan predicted.</summary>
internal static class LossReport
{
    /// <summary>One line.</summary>
    /// <param name="loss">The loss predicted and measured.</param>
    public static string Line(VerifyResult.LossPrediction loss)
    {
        string numbers = $"{Show.Loss(loss.Measured, loss.MeasuredError)} measured against {Show.Loss(loss.Predicted, loss.PredictedError)} predicted";
        return loss switch
        {
            { Predicted: null } => "Loss: the plan predicts none, it was written by hand.",
            { Agreement: "within" } => $"Loss: within two standard errors of what was predicted, {numbers}.",
            { Agreement: "above" } =>
                $"Loss: above what was predicted, {numbers}. This text is harder than that of the profile, or layers lose more together than one by one: measure a profile on text like it"
                + " ('tailorkv profile --text'), and plan with --remeasure.",
            { Agreement: "below" } => $"Loss: below what was predicted, {numbers}. This text is easier than that of the profile, or layers lose less together than one by one.",
            { PredictedError: null } => $"Loss: {numbers}. How sure the prediction is the plan does not say: profile and plan again to know.",
            { MeasuredError: null } => $"Loss: {numbers}. How sure that is cannot be told from one short window: judge more with --windows or --tail.",
            _ => $"Loss: {numbers}.",
        };
    }
}
