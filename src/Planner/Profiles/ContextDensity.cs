namespace TailorKV.Planner.Profiles;

/// <summary>A layer's dense-preference score after so many tokens.</summary>
public sealed record ContextDensity
{
    /// <summary>Tokens read before the score was taken.</summary>
    public required int Context { get; init; }

    /// <summary>The score, 0 to 1: mean over queries, heads and windows.</summary>
    public required double Mean { get; init; }

    /// <summary>Standard deviation over windows.</summary>
    public required double Spread { get; init; }

    /// <summary>The score of each query head.</summary>
    public required IReadOnlyList<double> Heads { get; init; }
}
