using TailorKV.Planner.Plans;

namespace TailorKV.Planner.Baselines;

/// <summary>A baseline priced by the planner's own cost model.</summary>
public sealed record ComparedBaseline
{
    /// <summary>The baseline.</summary>
    public required Baseline Baseline { get; init; }

    /// <summary>What it takes, in bytes.</summary>
    public required MemoryBreakdown Memory { get; init; }

    /// <summary>Predicted loss in nats per token; null where the profile lacks one of its options.</summary>
    public required double? Loss { get; init; }

    /// <summary>Whether it holds to the limits.</summary>
    public required bool Fits { get; init; }

    /// <summary>Predicted loss, in nats per token, of the best plan within this baseline's device bytes and the host limit; null where none is that small.</summary>
    public required double? OptimumLoss { get; init; }
}
