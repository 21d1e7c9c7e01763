namespace TailorKV.Cli.Charts;

/// <summary>A chart as SVG. Its colours are the classes of chart.css, light or dark as the reader's system is.</summary>
/// <param name="Title">What it shows: the heading of a file, and what a screen reader says within a page.</param>
/// <param name="X">The horizontal axis.</param>
/// <param name="Y">The vertical axis.</param>
/// <param name="Series">What is drawn, from the back to the front.</param>
internal sealed record Chart(string Title, Axis X, Axis Y, IReadOnlyList<Series> Series)
{
    /// <summary>The style sheet of all charts, chart.css.</summary>
    public static string Style { get; } = ReadStyle();

    /// <summary>A second labelling of the x axis, along the top; null for none. Its own range is not used.</summary>
    public Axis? Top { get; init; }

    /// <summary>Width in pixels at the size it was made for.</summary>
    public int Width { get; init; } = 760;

    /// <summary>Height in pixels at the size it was made for.</summary>
    public int Height { get; init; } = 420;

    /// <summary>The chart as an element of a page that has <see cref="Style"/>.</summary>
    public string ToElement() => new ChartDrawing(this).Write(style: null);

    /// <summary>The chart as a file of its own, with its heading and its style, ended by a line feed.</summary>
    public string ToFile() => new ChartDrawing(this).Write(Style) + "\n";

    private static string ReadStyle()
    {
        using Stream stream = typeof(Chart).Assembly.GetManifestResourceStream("TailorKV.Cli.Charts.chart.css")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd().ReplaceLineEndings("\n");
    }
}
