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
}
