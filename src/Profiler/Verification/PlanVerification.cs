using TailorKV.Profiler.Measuring;

namespace TailorKV.Profiler.Verification;

/// <summary>What a plan was measured to do, beside what it predicts.</summary>
public sealed record PlanVerification
{
    /// <summary>Device bytes.</summary>
    public required PredictedAndMeasured Device { get; init; }

    /// <summary>Host bytes.</summary>
    public required PredictedAndMeasured Host { get; init; }

    /// <summary>Where the text came from.</summary>
    public required string Text { get; init; }

    /// <summary>Tokens of context before those judged.</summary>
    public required int Context { get; init; }

    /// <summary>Tokens judged in all windows.</summary>
    public required int JudgedTokens { get; init; }

    /// <summary>The plan's predicted loss in nats per token, or null.</summary>
    public double? PredictedLoss { get; init; }

    /// <summary>The standard error of the plan's predicted loss in nats per token, or null.</summary>
    public double? PredictedLossError { get; init; }

    /// <summary>Mean KL divergence from the exact cache's next-token distributions, in nats per token.</summary>
    public required double MeasuredLoss { get; init; }

    /// <summary>Standard error of <see cref="MeasuredLoss"/>, as a profile's; null where it is not known, for a single window of a short tail.</summary>
    public double? MeasuredLossError { get; init; }

    /// <summary>
    /// Whether the measured loss is what was predicted: within two standard errors of the difference, the root of the sum of both errors' squares, as the texts are different ones, or within what
    /// is rounding. Null where a loss or an error is not known.
    /// </summary>
    public LossAgreement? LossAgreement
    {
        get
        {
            if ((PredictedLoss, PredictedLossError, MeasuredLossError) is not ({ } predicted, { } predictedError, { } measuredError) || !double.IsFinite(MeasuredLoss))
                return null;
            double difference = MeasuredLoss - predicted;
            return Math.Abs(difference) <= Math.Max(LayerSums.Noise, 2 * Math.Sqrt((predictedError * predictedError) + (measuredError * measuredError)))
                ? Verification.LossAgreement.Within
                : difference > 0 ? Verification.LossAgreement.Above : Verification.LossAgreement.Below;
        }
    }

    /// <summary>Share of judged tokens where the likeliest next token is the exact cache's.</summary>
    public required double TopAgreement { get; init; }

    /// <summary>Perplexity of the judged tokens with the exact cache: exp of the mean negative log probability.</summary>
    public required double ExactPerplexity { get; init; }

    /// <summary>The same with the plan.</summary>
    public required double Perplexity { get; init; }

    /// <summary>Share of the judged tokens that perplexity counts to which the exact cache gives the most probability.</summary>
    public required double ExactAccuracy { get; init; }

    /// <summary>The same with the plan.</summary>
    public required double Accuracy { get; init; }

    /// <summary>Tokens decoded per second with the plan, one at a time.</summary>
    public required double TokensPerSecond { get; init; }

    /// <summary>The same with every layer in full (f32), in the same run.</summary>
    public required double FullTokensPerSecond { get; init; }

    /// <summary>Hidden facts found, or null where the model has no such task.</summary>
    public NeedleScore? Needles { get; init; }

    /// <summary>Hidden facts found by length, number of facts and depth; empty where that was not asked for.</summary>
    public IReadOnlyList<NeedleCell> NeedleCells { get; init; } = [];

    /// <summary>Right answers to each file's tasks.</summary>
    public IReadOnlyList<TaskScore> Tasks { get; init; } = [];

    /// <summary>Whether the bytes taken are those predicted.</summary>
    public bool BytesAsPredicted => Device.PredictedBytes == Device.MeasuredBytes && Host.PredictedBytes == Host.MeasuredBytes;
}
