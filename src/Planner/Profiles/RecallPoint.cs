namespace TailorKV.Planner.Profiles;

/// <summary>A point of a <see cref="RecallCurve"/>.</summary>
/// <param name="TopK">Tokens chosen for each KV head.</param>
/// <param name="Mass">Share of the attention probability that lies on sinks, recent tokens and those chosen; mean over queries and heads, 0 to 1.</param>
public sealed record RecallPoint(int TopK, double Mass)
{
    internal string? Problem() => Problems.Outside("topK", TopK, 0, 1 << 24) ?? Problems.Outside("mass", Mass, 0, 1);
}
