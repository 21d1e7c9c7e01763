using TailorKV.Planner.Policies;

namespace TailorKV.Planner.Profiles;

/// <summary>One way of keeping one layer's cache, and what it was measured to cost.</summary>
public sealed record MeasuredOption
{
    /// <summary>The way.</summary>
    public required LayerPolicy Policy { get; init; }

    /// <summary>Mean KL divergence, in nats per token, of the next-token distributions with only this layer changed from those with the exact cache.</summary>
    public required double Loss { get; init; }

    /// <summary>Relative error of the layer's attention output: |changed - exact| / |exact| over all judged tokens (Frobenius norms).</summary>
    public required double OutputError { get; init; }

    /// <summary>Mean change of the correct next token's log probability, in nats; null where it was not measured.</summary>
    public double? LogProbabilityChange { get; init; }

    /// <summary>Share of attention mass on the tokens that are attended to exactly, 0 to 1; null where it was not measured.</summary>
    public double? Recall { get; init; }

    /// <summary>What is wrong with a loss in nats per token, or null: it may be below 0 by rounding only.</summary>
    internal static string? LossProblem(double loss) => loss is >= -1e-3 and <= 1000 ? null : $"loss is {loss}, outside 0 to 1000 nats per token";
}
