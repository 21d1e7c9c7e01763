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

    /// <summary>The score after fewer tokens and after all, in ascending order; null where it was not measured.</summary>
    public IReadOnlyList<ContextDensity>? Densities { get; init; }

    /// <summary>Attention recalled by choosing tokens: exactly, then by each index; null where it was not measured.</summary>
    public IReadOnlyList<RecallCurve>? Recalls { get; init; }

    /// <summary>Options whose loss was not measured, as others take no more bytes at far less error or loss; null where every option was measured.</summary>
    public int? ScreenedOut { get; init; }

    /// <summary>The options measured, the exact cache among them.</summary>
    public required IReadOnlyList<MeasuredOption> Options { get; init; }

    internal string? Problem(LayerShape shape, int index)
    {
        if (Layer != index)
            return $"layer is {Layer}";
        if (ScreenedOut < 0)
            return $"screenedOut is {ScreenedOut}";
        for (int i = 0; i < Densities?.Count; i++)
        {
            if (Densities[i] is null || Densities[i].Problem(shape.Heads) is not null)
                return $"densities[{i}]: {Densities[i]?.Problem(shape.Heads) ?? "it is null"}";
        }

        for (int i = 0; i < Recalls?.Count; i++)
        {
            if (Recalls[i] is null || Recalls[i].Problem() is not null)
                return $"recalls[{i}]: {Recalls[i]?.Problem() ?? "it is null"}";
        }

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
            if (option.LogProbabilityChange is { } change && !double.IsFinite(change))
                return $"{option.Policy.Describe()}: logProbabilityChange is {change}";
            if (option.Recall is { } recall && !(recall is >= 0 and <= 1))
                return $"{option.Policy.Describe()}: recall is {recall}, outside 0 to 1";
        }

        return null;
    }
}
