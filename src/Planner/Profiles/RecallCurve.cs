using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;

namespace TailorKV.Planner.Profiles;

/// <summary>How much of a layer's attention a choice of tokens sees, by how many it may choose for each KV head.</summary>
public sealed record RecallCurve
{
    /// <summary>What chooses; null for the exact attention itself, which nothing beats.</summary>
    public KeyIndex? Index { get; init; }

    /// <summary>Points in ascending order of tokens chosen.</summary>
    public required IReadOnlyList<RecallPoint> Points { get; init; }

    internal string? Problem(LayerShape shape, int layer) =>
        Index?.Problem(shape.HeadDim, layer) is { } index ? $"index: {index}"
        : Points.Count == 0 ? "points is empty"
        : Problems.InEach("points", Points, (point, i) =>
            point.Problem() ?? (i > 0 && point.TopK <= Points[i - 1].TopK ? $"topK is {point.TopK}, not more than the {Points[i - 1].TopK} before it" : null));
}
