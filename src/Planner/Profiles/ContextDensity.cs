using TailorKV.Planner.Models;

namespace TailorKV.Planner.Profiles;

/// <summary>A layer's dense-preference score after so many tokens.</summary>
public sealed record ContextDensity
{
    /// <summary>Tokens that the last of the scored queries sees.</summary>
    public required int Context { get; init; }

    /// <summary>The score, mean over queries, heads and windows; 0 to 1.</summary>
    public required double Mean { get; init; }

    /// <summary>Standard deviation of the layer's score over the windows; 0 for one window.</summary>
    public required double Spread { get; init; }

    /// <summary>The mean of each query head.</summary>
    public required IReadOnlyList<double> Heads { get; init; }

    internal string? Problem(int heads) =>
        Problems.Outside("context", Context, 1, ModelShape.LongestContext)
        ?? Problems.Outside("mean", Mean, 0, 1)
        ?? Problems.Outside("spread", Spread, 0, 1)
        ?? Problems.OfShares("heads", Heads, heads);
}
