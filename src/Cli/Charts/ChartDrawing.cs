using System.Text;
using System.Xml;

namespace TailorKV.Cli.Charts;

/// <summary>Writes one chart's SVG: legend, axes with their ticks, then the series in their order, then labels on top.</summary>
internal sealed class ChartDrawing
{
    private const string Namespace = "http://www.w3.org/2000/svg";
    private const double CharacterWidth = 6.7;
    private const double LegendRow = 20;
    private const double Swatch = 18;
    private const int Colours = 8;
    private const double ValueCharacterWidth = 6;
    private const double ValueHeight = 11;

    // From here on words in a cell are in the paper's colour, which then stands out more than the ink's.
    private const double StrongOpacity = 0.75;

    private readonly Chart _chart;
    private readonly Scale _x;
    private readonly Scale _y;
    private readonly List<(Series Series, string Style)> _series;
    private readonly StringBuilder _text = new();
    private readonly XmlWriter _svg;
    private double _left;
    private double _top;
    private double _width;
    private double _height;

    public ChartDrawing(Chart chart)
    {
        _chart = chart;
        _series = [.. chart.Series.Select((series, i) => (series, series.Style ?? $"series-{(i % Colours) + 1}"))];
        ChartPoint[] points = [.. chart.Series.SelectMany(series => series.Points).Where(point => point.IsFinite)];
        IEnumerable<double> bases = chart.Series.Where(series => series.Marks.HasFlag(Marks.Area)).SelectMany(series => series.Points).Select(point => point.Base);
        IEnumerable<double> starts = chart.Series.Where(series => series.Marks.HasFlag(Marks.Bars)).SelectMany(series => series.Points).Select(point => point.Base);
        _x = new Scale(chart.X, points.Select(point => point.X).Concat(starts), chart.Width / 110);
        _y = new Scale(chart.Y, points.Select(point => point.Y).Concat(bases), chart.Height / 60);
        _svg = XmlWriter.Create(_text, new XmlWriterSettings { OmitXmlDeclaration = true, Indent = true, IndentChars = " ", NewLineChars = "\n" });
    }

    /// <summary>The SVG.</summary>
    /// <param name="style">The style of a file of its own, which also gets a heading; null for an element of a page.</param>
    public string Write(string? style)
    {
        (string Name, string Style, Marks Marks, double X, double Y)[] legend = [.. Legend(style is null ? 6 : 40)];
        _left = 30 + (_y.Ticks.Max(tick => tick.Label.Length) * CharacterWidth);
        _top = (legend.Length == 0 ? style is null ? 10 : 40 : legend[^1].Y + LegendRow + 8) + (_chart.Top is null ? 0 : 40);
        (_width, _height) = (_chart.Width - _left - 24, _chart.Height - _top - 46);

        Open("svg", ("class", "chart"), ("viewBox", $"0 0 {_chart.Width} {_chart.Height}"), ("role", "img"), ("aria-label", _chart.Title));
        if (style is not null)
        {
            _svg.WriteAttributeString("width", $"{_chart.Width}");
            _svg.WriteAttributeString("height", $"{_chart.Height}");
            _svg.WriteElementString("style", Namespace, style);
            Element("rect", null, ("class", "paper"), ("width", "100%"), ("height", "100%"));
            Text(_chart.Title, 12, 24, "heading", "start");
        }

        foreach (var entry in legend)
            LegendEntry(entry.Name, entry.Style, entry.Marks, entry.X, entry.Y);
        Axes();
        foreach ((Series series, string colour) in _series)
        {
            Open("g", ("class", colour));
            Draw(series);
            _svg.WriteEndElement();
        }

        Labels();
        _svg.WriteEndElement();
        _svg.Flush();
        return _text.ToString();
    }

    private IEnumerable<(string Name, string Style, Marks Marks, double X, double Y)> Legend(double top)
    {
        double x = 12;
        double y = top;
        if (_series.Count(entry => entry.Series.Name.Length > 0) < 2)
            yield break;
        foreach ((Series series, string style) in _series.Where(entry => entry.Series.Name.Length > 0))
        {
            double width = Swatch + (series.Name.Length * CharacterWidth) + 14;
            if (x > 12 && x + width > _chart.Width)
                (x, y) = (12, y + LegendRow);
            yield return (series.Name, style, series.Marks, x, y);
            x += width;
        }
    }

    private void LegendEntry(string name, string style, Marks marks, double x, double y)
    {
        Open("g", ("class", $"{style} legend"));
        double middle = y + 8;
        if ((marks & (Marks.Area | Marks.Cells | Marks.Bars)) != Marks.None)
            Element("rect", null, ("class", "area"), ("x", Number(x)), ("y", Number(middle - 6)), ("width", "12"), ("height", "12"));
        if ((marks & Marks.Lines) != Marks.None)
            Element("path", null, ("class", marks.HasFlag(Marks.Dashes) ? "line dashes" : "line"), ("d", $"M{Number(x)} {Number(middle)}h12"));
        Symbols(marks, x + 6, middle, null);
        Text(name, x + Swatch, middle + 4, "name", "start");
        _svg.WriteEndElement();
    }

    private void Axes()
    {
        foreach ((double value, string label) in _y.Ticks)
        {
            if (_chart.Y.Names is null)
                Element("path", null, ("class", "grid"), ("d", $"M{Number(_left)} {Number(Y(value))}h{Number(_width)}"));
            Text(label, _left - 8, Y(value) + 4, "tick", "end");
        }

        foreach ((double value, string label) in _x.Ticks)
        {
            Element("path", null, ("class", "axis"), ("d", $"M{Number(X(value))} {Number(_top + _height)}v5"));
            Text(label, X(value), _top + _height + 19, "tick", "middle");
        }

        if (_chart.Top is { } top)
        {
            (double from, double to) = _x.Range;
            foreach ((double value, string label) in new Scale(top with { From = from, To = to }, [], _chart.Width / 90).Ticks)
            {
                Element("path", null, ("class", "axis"), ("d", $"M{Number(X(value))} {Number(_top)}v-5"));
                Text(label, X(value), _top - 9, "tick", "middle");
            }

            Text(top.Title, _left + (_width / 2), _top - 27, "title", "middle");
        }

        Element("path", null, ("class", "axis"), ("d", $"M{Number(_left)} {Number(_top)}v{Number(_height)}h{Number(_width)}"));
        Text(_chart.X.Title, _left + (_width / 2), _chart.Height - 6, "title", "middle");
        Open("text", ("class", "title"), ("text-anchor", "middle"), ("transform", $"translate(13 {Number(_top + (_height / 2))}) rotate(-90)"));
        _svg.WriteString(Printable(_chart.Y.Title));
        _svg.WriteEndElement();
    }

    private void Draw(Series series)
    {
        foreach (List<ChartPoint> run in Runs(series.Points))
        {
            if (series.Marks.HasFlag(Marks.Area))
            {
                string back = string.Concat(Enumerable.Reverse(run).Select(point => $"L{Number(X(point.X))} {Number(Y(point.Base))}"));
                Element("path", series.Name, ("class", "area"), ("d", Path(run, steps: false) + back + "Z"));
            }

            if ((series.Marks & Marks.Lines) != Marks.None)
                Element("path", null, ("class", series.Marks.HasFlag(Marks.Dashes) ? "line dashes" : "line"), ("d", Path(run, series.Marks.HasFlag(Marks.Steps))));
            foreach (ChartPoint point in run)
            {
                if (series.Marks.HasFlag(Marks.Cells))
                    Cell(point);
                if (series.Marks.HasFlag(Marks.Bars))
                    Box(point, "bar", X(point.Base), X(point.X), gap: 2);
                Symbols(series.Marks, X(point.X), Y(point.Y), point);
            }
        }
    }

    private void Cell(ChartPoint point)
    {
        (double left, double right) = (X(point.X - 0.5), X(point.X + 0.5));
        double gap = Math.Min(1, (right - left) / 8);
        Box(point, "cell", left, right - gap, gap);
        if (point.Label is { } label && label.Length * ValueCharacterWidth <= right - left && Y(point.Y - 0.5) - Y(point.Y + 0.5) >= ValueHeight)
            Text(label, (left + right - gap) / 2, Y(point.Y) + 3.5, point.Opacity < StrongOpacity ? "value" : "value strong", "middle");
    }

    private void Box(ChartPoint point, string style, double left, double right, double gap)
    {
        (double bottom, double top) = (Y(point.Y - 0.5), Y(point.Y + 0.5));
        Element(
            "rect", point.Title, ("class", style), ("x", Number(left)), ("y", Number(top)), ("width", Number(right - left)), ("height", Number(bottom - top - gap)),
            ("fill-opacity", point.Opacity is { } opacity ? Number(opacity) : null), ("data-key", point.Key));
    }

    private void Symbols(Marks marks, double x, double y, ChartPoint? point)
    {
        if (marks.HasFlag(Marks.Circles))
            Element("circle", point?.Title, ("class", "mark"), ("cx", Number(x)), ("cy", Number(y)), ("r", "4"), ("data-key", point?.Key));
        if (marks.HasFlag(Marks.Diamonds))
            Element("path", point?.Title, ("class", "mark"), ("d", $"M{Number(x)} {Number(y - 6)}l6 6l-6 6l-6 -6Z"), ("data-key", point?.Key));
    }

    private void Labels()
    {
        var placement = new LabelPlacement(_width, _height);
        foreach (ChartPoint point in _chart.Series.Where(series => (series.Marks & Marks.Symbols) != Marks.None).SelectMany(series => series.Points).Where(point => point.IsFinite))
            placement.Take(X(point.X) - _left, Y(point.Y) - _top);
        foreach (ChartPoint point in _chart.Series.Where(series => !series.Marks.HasFlag(Marks.Cells)).SelectMany(series => series.Points).Where(point => point.IsFinite && point.Label is not null))
        {
            if (placement.Place(X(point.X) - _left, Y(point.Y) - _top, point.Label!.Length * CharacterWidth) is var (x, y))
                Text(point.Label, _left + x, _top + y + 4, "label", "start");
        }
    }

    private static List<List<ChartPoint>> Runs(IReadOnlyList<ChartPoint> points)
    {
        var runs = new List<List<ChartPoint>> { new() };
        foreach (ChartPoint point in points)
        {
            if (point.IsFinite)
                runs[^1].Add(point);
            else
                runs.Add([]);
        }

        return runs.FindAll(run => run.Count > 0);
    }

    private string Path(List<ChartPoint> run, bool steps) => string.Concat(run.Select((point, i) =>
        i == 0 ? $"M{Number(X(point.X))} {Number(Y(point.Y))}"
        : steps ? $"H{Number(X(point.X))}V{Number(Y(point.Y))}"
        : $"L{Number(X(point.X))} {Number(Y(point.Y))}"));

    private double X(double value) => _left + (_x.Position(value) * _width);

    private double Y(double value) => _top + ((1 - _y.Position(value)) * _height);

    private static string Number(double value) => $"{Math.Round(value, 2) + 0:0.##}";

    private void Text(string text, double x, double y, string style, string anchor)
    {
        Open("text", ("class", style), ("x", Number(x)), ("y", Number(y)), ("text-anchor", anchor));
        _svg.WriteString(Printable(text));
        _svg.WriteEndElement();
    }

    private void Element(string name, string? title, params ReadOnlySpan<(string Name, string? Value)> attributes)
    {
        Open(name, attributes);
        if (title is not null)
            _svg.WriteElementString("title", Namespace, Printable(title));
        _svg.WriteEndElement();
    }

    private void Open(string name, params ReadOnlySpan<(string Name, string? Value)> attributes)
    {
        _svg.WriteStartElement(name, Namespace);
        foreach ((string attribute, string? value) in attributes)
        {
            if (value is not null)
                _svg.WriteAttributeString(attribute, Printable(value));
        }
    }

    // XML has no way to write some characters, and names come from files.
    private static string Printable(string text) => string.Concat(text.EnumerateRunes().Select(rune =>
        rune.Value is 0xFFFE or 0xFFFF || (rune.Value < ' ' && rune.Value is not ('\n' or '\t')) ? "\uFFFD" : rune.ToString()));
}
