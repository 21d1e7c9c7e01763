using TailorKV.Planner.Models;

namespace TailorKV.Planner.Profiles;

/// <summary>What was measured of one layer.</summary>
public sealed record LayerProfile
{
    /// <summary>The layer's index, from 0.</summary>
    public required int Layer { get; init; }

    /// <summary>
    /// Dense-preference score: the attention mass outside the top 5 % of the keys, mean over the last 32 queries, heads and windows; 0 to 1
    /// (TailorKV, arXiv 2505.19586, equation 8, divided by queries and heads).
    /// </summary>
    public required double DensePreference { get; init; }

    /// <summary>The same for each query head.</summary>
    public required IReadOnlyList<double> HeadDensePreference { get; init; }

    /// <summary>The score after other numbers of tokens; null where it was not measured.</summary>
    public IReadOnlyList<ContextDensity>? Densities { get; init; }

    /// <summary>What each index catches of the attention mass; null where it was not measured.</summary>
    public IReadOnlyList<RecallCurve>? Recalls { get; init; }

    /// <summary>The options measured, the exact cache among them.</summary>
    public required IReadOnlyList<MeasuredOption> Options { get; init; }

    internal string? Problem(LayerShape shape, int index)
    {
        if (Layer != index)
            return $"layer is {Layer}";
        if (Options.Count == 0)
            return "it has no options";
        foreach (MeasuredOption option in Options)
        {
            if (option is null)
                return "an option is null";
            if (option.Policy.Problem(shape, index) is { } problem)
                return problem;
            if (MeasuredOption.LossProblem(option.Loss) is { } lossProblem)
                return $"{option.Policy.Describe()}: {lossProblem}";
            if (!(option.OutputError >= 0) || !double.IsFinite(option.OutputError))
                return $"{option.Policy.Describe()}: outputError is {option.OutputError}, not a number of 0 or more";
        }

        return null;
    }
}
