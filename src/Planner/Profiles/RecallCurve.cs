using TailorKV.Planner.Policies;

namespace TailorKV.Planner.Profiles;

/// <summary>How much of a layer's attention mass an index catches, by the number of tokens it may choose.</summary>
public sealed record RecallCurve
{
    /// <summary>How tokens are chosen; null for the exact masses themselves, an oracle.</summary>
    public KeyIndex? Index { get; init; }

    /// <summary>The curve.</summary>
    public required IReadOnlyList<RecallPoint> Points { get; init; }
}
