using TailorKV.Planner.Policies;

namespace TailorKV.Planner.Profiles;

/// <summary>How much of a layer's attention a choice of tokens sees, by how many it may choose for each KV head.</summary>
public sealed record RecallCurve
{
    /// <summary>What chooses; null for the exact attention itself, which nothing beats.</summary>
    public KeyIndex? Index { get; init; }

    /// <summary>Points in ascending order of tokens chosen.</summary>
    public required IReadOnlyList<RecallPoint> Points { get; init; }

    internal string? Problem()
    {
        if (Points.Count == 0)
            return "it has no points";
        for (int i = 0; i < Points.Count; i++)
        {
            if (Points[i] is not { TopK: >= 0, Mass: >= 0 and <= 1 })
                return $"points[{i}]: topK must be 0 or more and mass 0 to 1";
            if (i > 0 && Points[i].TopK <= Points[i - 1].TopK)
                return $"points[{i}]: topK must ascend";
        }

        return null;
    }
}
