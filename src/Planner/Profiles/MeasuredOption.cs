using TailorKV.Planner.Policies;

namespace TailorKV.Planner.Profiles;

/// <summary>One way of keeping one layer's cache, and what it was measured to cost.</summary>
public sealed record MeasuredOption
{
    /// <summary>The largest loss in nats per token: sums over all layers of all models stay exact.</summary>
    public const double MostLoss = 1000;

    /// <summary>The way.</summary>
    public required LayerPolicy Policy { get; init; }

    /// <summary>Mean KL divergence, in nats per token, of the next-token distributions with only this layer changed from those with the exact cache.</summary>
    public required double Loss { get; init; }

    /// <summary>Standard error of <see cref="Loss"/>, in nats per token, over blocks of judged tokens and over windows (docs/profile-format.md); null where it is not known.</summary>
    public double? LossError { get; init; }

    /// <summary>Relative error of the layer's attention output: |changed - exact| / |exact| over all judged tokens (Frobenius norms).</summary>
    public required double OutputError { get; init; }

    /// <summary>Mean change of the log probability, in nats, that the text's own next token is given; null where it was not measured.</summary>
    public double? LogProbabilityChange { get; init; }

    /// <summary>Share of the attention probability that the option sees exactly, 0 to 1, where it chooses tokens; null where it does not.</summary>
    public double? Recall { get; init; }

    /// <summary>What is impossible in the numbers, or null.</summary>
    public string? Problem() =>
        LossProblem(Loss)
        ?? LossErrorProblem(LossError)
        ?? Problems.Outside("outputError", OutputError, 0, double.MaxValue)
        ?? Problems.Outside("logProbabilityChange", LogProbabilityChange ?? 0, double.MinValue, double.MaxValue)
        ?? Problems.Outside("recall", Recall ?? 0, 0, 1);

    /// <summary>What is wrong with a loss in nats per token, or null.</summary>
    internal static string? LossProblem(double loss) => loss is >= 0 and <= MostLoss ? null : $"loss is {loss}, outside 0 to {MostLoss} nats per token";

    /// <summary>What is wrong with the standard error of a loss, or null.</summary>
    internal static string? LossErrorProblem(double? error) => Problems.Outside("lossError", error ?? 0, 0, MostLoss);
}
