using System.Text.Json.Serialization;

namespace TailorKV.Planner.Plans;

/// <summary>What a plan makes the best of, under the limits.</summary>
public enum PlanGoal
{
    /// <summary>Least loss, and among equals fewest device bytes.</summary>
    [JsonStringEnumMemberName("leastLoss")]
    LeastLoss,

    /// <summary>Fewest device bytes, and among equals least loss.</summary>
    [JsonStringEnumMemberName("fewestBytes")]
    FewestBytes,

    /// <summary>Most tokens of context, and at that context least loss.</summary>
    [JsonStringEnumMemberName("mostContext")]
    MostContext,
}
