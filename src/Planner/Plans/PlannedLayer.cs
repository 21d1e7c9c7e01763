using TailorKV.Planner.Policies;

namespace TailorKV.Planner.Plans;

/// <summary>One layer of a plan.</summary>
public sealed record PlannedLayer
{
    /// <summary>The layer's index, from 0.</summary>
    public required int Layer { get; init; }

    /// <summary>How its KV cache is kept.</summary>
    public required LayerPolicy Policy { get; init; }

    /// <summary>Measured loss of this layer alone under its policy, in nats per token; null for a plan that was written by hand.</summary>
    public double? Loss { get; init; }
}
