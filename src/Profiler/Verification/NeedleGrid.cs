namespace TailorKV.Profiler.Verification;

/// <summary>Passages to ask about: as many for each length, number of facts and depth.</summary>
public sealed record NeedleGrid
{
    /// <summary>Tokens of a passage, question and answer included; null for a window's length.</summary>
    public IReadOnlyList<int>? Lengths { get; init; }

    /// <summary>Where the fact asked for stands, in percent of the text: 0 at the beginning, 100 at the end.</summary>
    public IReadOnlyList<int> Depths { get; init; } = [0, 25, 50, 75, 100];

    /// <summary>Facts in a passage, 1 or more; the question asks for one of them.</summary>
    public IReadOnlyList<int> Keys { get; init; } = [1];

    /// <summary>Passages for each length, number of facts and depth.</summary>
    public int Passages { get; init; } = 5;
}
