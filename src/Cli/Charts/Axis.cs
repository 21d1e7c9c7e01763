namespace TailorKV.Cli.Charts;

/// <summary>One axis of a chart. What is not given follows from the points.</summary>
/// <param name="Title">What it shows, with the unit where the tick labels do not have it.</param>
internal sealed record Axis(string Title)
{
    /// <summary>Whether equal distances are equal factors. Values of 0 and less lie on the lower end.</summary>
    public bool Logarithmic { get; init; }

    /// <summary>Ticks are round in multiples of this many values, as 1048576 for a MiB.</summary>
    public double Unit { get; init; } = 1;

    /// <summary>What follows a tick's number.</summary>
    public string Suffix { get; init; } = "";

    /// <summary>The value at the lower end; null for a round one under all points.</summary>
    public double? From { get; init; }

    /// <summary>The value at the upper end; null for a round one over all points.</summary>
    public double? To { get; init; }

    /// <summary>The smallest distance of ticks on a linear axis, in units; 1 for whole numbers.</summary>
    public double LeastStep { get; init; }

    /// <summary>What stands at 0, 1, 2 and on in place of ticks; null for ticks.</summary>
    public IReadOnlyList<string>? Names { get; init; }

    /// <summary>A linear axis of bytes from 0.</summary>
    /// <param name="title">What it shows.</param>
    /// <param name="most">The most bytes to show, which decides the unit.</param>
    public static Axis Bytes(string title, double most)
    {
        (double unit, string suffix) = most switch
        {
            >= 1L << 30 => (1L << 30, " GiB"),
            >= 1L << 20 => (1L << 20, " MiB"),
            >= 1L << 10 => (1L << 10, " KiB"),
            _ => (1.0, " B"),
        };
        return new Axis(title) { Unit = unit, Suffix = suffix, From = 0 };
    }

    /// <summary>An axis of names, each in the middle of a cell one wide.</summary>
    /// <param name="title">What they are.</param>
    /// <param name="names">The names, from the lower end of the axis.</param>
    public static Axis Named(string title, IReadOnlyList<string> names) => new(title) { From = -0.5, To = names.Count - 0.5, Names = names };

    /// <summary>An axis of whole numbers, each in the middle of a cell one wide.</summary>
    /// <param name="title">What it shows.</param>
    /// <param name="first">The first number.</param>
    /// <param name="last">The last number.</param>
    public static Axis Counts(string title, int first, int last) => new(title) { From = first - 0.5, To = last + 0.5, LeastStep = 1 };
}
