namespace TailorKV.Cli.Charts;

/// <summary>Finds room for the words beside points, so that none lies on another or outside of the plot.</summary>
/// <param name="width">The plot's width in pixels.</param>
/// <param name="height">The plot's height in pixels.</param>
internal sealed class LabelPlacement(double width, double height)
{
    private const double Distance = 9;
    private const double LineHeight = 14;

    private readonly List<(double Left, double Top, double Right, double Bottom)> _taken = [];

    /// <summary>Takes the room of a mark, which no label may cover.</summary>
    /// <param name="x">The mark's middle in pixels.</param>
    /// <param name="y">The mark's middle in pixels.</param>
    public void Take(double x, double y) => _taken.Add((x - 4, y - 4, x + 4, y + 4));

    /// <summary>Room to the right of a point, else to its left, above or below it.</summary>
    /// <param name="x">The point in pixels.</param>
    /// <param name="y">The point in pixels.</param>
    /// <param name="textWidth">The words' width in pixels.</param>
    /// <returns>Where the words begin, at the middle of their height; null where there is no room.</returns>
    public (double X, double Y)? Place(double x, double y, double textWidth)
    {
        foreach ((double left, double middle) in new[]
        {
            (x + Distance, y), (x - Distance - textWidth, y), (x - (textWidth / 2), y - Distance - (LineHeight / 2)), (x - (textWidth / 2), y + Distance + (LineHeight / 2)),
        })
        {
            var box = (Left: left, Top: middle - (LineHeight / 2), Right: left + textWidth, Bottom: middle + (LineHeight / 2));
            bool inside = box.Left >= 0 && box.Top >= 0 && box.Right <= width && box.Bottom <= height;
            if (!inside || _taken.Exists(other => box.Left < other.Right && other.Left < box.Right && box.Top < other.Bottom && other.Top < box.Bottom))
                continue;
            _taken.Add(box);
            return (left, middle);
        }

        return null;
    }
}
