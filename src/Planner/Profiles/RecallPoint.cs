namespace TailorKV.Planner.Profiles;

/// <summary>What a number of retrieved tokens catches.</summary>
/// <param name="TopK">Tokens retrieved for each KV head and step.</param>
/// <param name="Mass">Share of attention mass on sinks, recent tokens and the top k, 0 to 1.</param>
public sealed record RecallPoint(int TopK, double Mass);
