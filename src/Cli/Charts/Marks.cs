namespace TailorKV.Cli.Charts;

/// <summary>How a series is drawn; marks can be combined.</summary>
[Flags]
internal enum Marks
{
    /// <summary>Nothing; the series is in the legend only.</summary>
    None = 0,

    /// <summary>The area between each point's base and its y, from point to point.</summary>
    Area = 1,

    /// <summary>A rectangle one unit wide and high around each point: a heat map.</summary>
    Cells = 2,

    /// <summary>Straight lines from point to point.</summary>
    Line = 4,

    /// <summary>A line that keeps a point's y until the next point's x.</summary>
    Steps = 8,

    /// <summary>A dashed line from point to point.</summary>
    Dashes = 16,

    /// <summary>A circle at each point.</summary>
    Circles = 32,

    /// <summary>A diamond at each point.</summary>
    Diamonds = 64,

    /// <summary>A bar one unit high around each point, from its base to its x.</summary>
    Bars = 128,

    /// <summary>Any of the lines.</summary>
    Lines = Line | Steps | Dashes,

    /// <summary>Any of the symbols.</summary>
    Symbols = Circles | Diamonds,
}
