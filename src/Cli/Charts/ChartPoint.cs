namespace TailorKV.Cli.Charts;

/// <summary>A point of a series. One whose coordinates are not finite is not drawn, and a line ends before it.</summary>
/// <param name="X">Where it lies, in the x axis's values.</param>
/// <param name="Y">Where it lies, in the y axis's values.</param>
/// <param name="Title">What a pointer over it shows; null for nothing.</param>
internal readonly record struct ChartPoint(double X, double Y, string? Title = null)
{
    /// <summary>Where an area begins below the point, in the y axis's values, or a bar beside it, in the x axis's.</summary>
    public double Base { get; init; }

    /// <summary>A few words beside the point, or within its cell; left out where there is no room.</summary>
    public string? Label { get; init; }

    /// <summary>What a page's script knows the mark by, as its attribute <c>data-key</c>; null for none.</summary>
    public string? Key { get; init; }

    /// <summary>How strongly a cell is coloured, 0 to 1; null for fully.</summary>
    public double? Opacity { get; init; }

    /// <summary>Whether both coordinates are finite.</summary>
    public bool IsFinite => double.IsFinite(X) && double.IsFinite(Y);
}
