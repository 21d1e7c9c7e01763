namespace TailorKV.Planner;

/// <summary>What is wrong with members of a file, said as "path is value, outside what it may be".</summary>
internal static class Problems
{
    /// <summary>The first problem in a list, with the place before it; null where there is none.</summary>
    /// <param name="name">The list's name.</param>
    /// <param name="items">The list, or null.</param>
    /// <param name="problem">An item's problem, told its index: a member's name first.</param>
    public static string? InEach<T>(string name, IReadOnlyList<T>? items, Func<T, int, string?> problem)
        where T : class
    {
        for (int i = 0; i < items?.Count; i++)
        {
            // A reader lets null through in a list.
            if (items[i] is null)
                return $"{name}[{i}] is null";
            if (problem(items[i], i) is { } found)
                return $"{name}[{i}].{found}";
        }

        return null;
    }

    /// <summary>The problem with a number that is to be of a range, or null.</summary>
    public static string? Outside(string name, double value, double least, double most) => value >= least && value <= most ? null : $"{name} is {value}, outside {least} to {most}";

    /// <summary>The problem with a share of each of some heads, or null.</summary>
    public static string? OfShares(string name, IReadOnlyList<double> shares, int heads)
    {
        if (shares.Count != heads)
            return $"{name} has {shares.Count} entries and the layer {heads} heads";
        for (int i = 0; i < heads; i++)
        {
            if (Outside($"{name}[{i}]", shares[i], 0, 1) is { } problem)
                return problem;
        }

        return null;
    }
}
