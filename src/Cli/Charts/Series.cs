namespace TailorKV.Cli.Charts;

/// <summary>Points that belong together.</summary>
/// <param name="Name">Its name in the legend; empty for a series that the legend leaves out.</param>
/// <param name="Marks">How it is drawn.</param>
/// <param name="Points">Its points, in the order of their lines.</param>
internal sealed record Series(string Name, Marks Marks, IReadOnlyList<ChartPoint> Points)
{
    /// <summary>The style class that gives its colour, one of chart.css; null for the next of <c>series-1</c> to <c>series-8</c>.</summary>
    public string? Style { get; init; }

    /// <summary>Areas on top of each other: each begins where the one before ends.</summary>
    /// <param name="layers">From the lowest to the highest: a name, a style class or null, and a value at each x.</param>
    /// <param name="xs">Where the values lie.</param>
    public static IReadOnlyList<Series> Stack(IReadOnlyList<double> xs, IEnumerable<(string Name, string? Style, IReadOnlyList<double> Values)> layers)
    {
        var series = new List<Series>();
        double[] sums = new double[xs.Count];
        foreach ((string name, string? style, IReadOnlyList<double> values) in layers)
        {
            double[] bases = [.. sums];
            for (int i = 0; i < sums.Length; i++)
                sums[i] += values[i];
            series.Add(new Series(name, Marks.Area, [.. xs.Select((x, i) => new ChartPoint(x, sums[i]) { Base = bases[i] })]) { Style = style });
        }

        return series;
    }

    /// <summary>Bars in rows 0, 1, 2 and on, each made of parts: a part begins where the one before ends. Parts of 0 are left out.</summary>
    /// <param name="parts">From the first to the last: a name, a style class or null, and a value for each row.</param>
    /// <param name="title">What a pointer over a part shows, by the row and the part's index.</param>
    public static IReadOnlyList<Series> StackBars(IReadOnlyList<(string Name, string? Style, IReadOnlyList<double> Values)> parts, Func<int, int, string> title) =>
    [
        .. parts.Select((part, index) => new Series(part.Name, Marks.Bars,
        [
            .. from row in Enumerable.Range(0, part.Values.Count)
               where part.Values[row] > 0
               let start = parts.Take(index).Sum(other => other.Values[row])
               select new ChartPoint(start + part.Values[row], row, title(row, index)) { Base = start },
        ])
        { Style = part.Style }),
    ];
}
