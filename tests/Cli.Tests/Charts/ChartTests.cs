using System.Globalization;
using System.Xml.Linq;
using TailorKV.Cli.Charts;

namespace TailorKV.Cli.Tests.Charts;

public class ChartTests
{
    private const string Hostile = "<b>\"1 & 2\"</b> ' \u0001 ]]> {{data}}";

    [Fact]
    public void Points_lie_where_the_ticks_say()
    {
        ChartPoint[] points = [new(0, 0.01), new(2, 0.1), new(4, 1)];
        XElement svg = Svg(new Chart("t", new Axis("x"), new Axis("y") { Logarithmic = true }, [new Series("a", Marks.Circles, points)]));
        XElement[] circles = [.. Named(svg, "circle")];
        Assert.Equal(Tick(svg, "0", "x"), Attribute(circles[0], "cx"));
        Assert.Equal(Tick(svg, "2", "x"), Attribute(circles[1], "cx"));
        // A y label's baseline is 4 pixels below its tick.
        Assert.Equal(Tick(svg, "0.01", "y") - 4, Attribute(circles[0], "cy"));
        Assert.Equal(Tick(svg, "1", "y") - 4, Attribute(circles[2], "cy"));
        Assert.Equal((Attribute(circles[0], "cy") + Attribute(circles[2], "cy")) / 2, Attribute(circles[1], "cy"), 0.01);
    }

    [Fact]
    public void A_second_labelling_matches_the_first()
    {
        var chart = new Chart("t", Axis.Bytes("memory", 4 << 20), new Axis("y"), [new Series("a", Marks.Circles, [new(4 << 20, 1)])])
        {
            Top = new Axis("share") { Unit = (4 << 20) / 100.0, Suffix = "%" },
        };
        XElement svg = Svg(chart);
        Assert.Equal(Tick(svg, "4 MiB", "x"), Tick(svg, "100%", "x"));
        Assert.Equal(Tick(svg, "0 MiB", "x"), Tick(svg, "0%", "x"));
    }

    [Fact]
    public void Lines_steps_and_areas_pass_their_points()
    {
        ChartPoint[] points = [new(0, 0), new(1, 2), new(2, 1)];
        string Path(Marks marks) => Named(Svg(new Chart("t", new Axis("x"), new Axis("y"), [new Series("a", marks, points)])), "path")
            .Single(path => (string?)path.Attribute("class") is "line" or "line dashes" or "area").Attribute("d")!.Value;
        Assert.Equal("MLL", Commands(Path(Marks.Line)));
        Assert.Equal("MLL", Commands(Path(Marks.Dashes)));
        Assert.Equal("MHVHV", Commands(Path(Marks.Steps)));
        Assert.Equal("MLLLLLZ", Commands(Path(Marks.Area)));
    }

    [Fact]
    public void A_line_breaks_where_a_point_is_missing()
    {
        ChartPoint[] points = [new(0, 0), new(1, 1), new(2, double.NaN), new(3, 1), new(double.PositiveInfinity, 1), new(5, 2)];
        XElement svg = Svg(new Chart("t", new Axis("x"), new Axis("y"), [new Series("a", Marks.Line | Marks.Circles, points)]));
        Assert.Equal(["ML", "M", "M"], Named(svg, "path").Where(path => (string?)path.Attribute("class") == "line").Select(path => Commands(path.Attribute("d")!.Value)));
        Assert.Equal(4, Named(svg, "circle").Count());
    }

    [Fact]
    public void Stacked_areas_stand_on_each_other()
    {
        IReadOnlyList<Series> stack = Series.Stack([10, 20], [("a", null, [1, 2]), ("b", "accent", [3, 4])]);
        Assert.Equal([(1.0, 0.0), (2, 0)], stack[0].Points.Select(point => (point.Y, point.Base)));
        Assert.Equal([(4.0, 1.0), (6, 2)], stack[1].Points.Select(point => (point.Y, point.Base)));
    }

    [Fact]
    public void Cells_tile_the_plot()
    {
        ChartPoint[] cells = [.. from x in Enumerable.Range(1, 3) from y in Enumerable.Range(0, 2) select new ChartPoint(x, y, $"{x}, {y}") { Key = $"{x}", Opacity = 0.5 }];
        XElement svg = Svg(new Chart("t", Axis.Counts("x", 1, 3), Axis.Counts("y", 0, 1), [new Series("a", Marks.Cells, cells)]));
        XElement[] rects = [.. Named(svg, "rect")];
        Assert.Equal(6, rects.Length);
        Assert.Equal(Attribute(rects[0], "x") + Attribute(rects[0], "width") + 1, Attribute(rects[2], "x"), 0.02);
        Assert.True(Attribute(rects[0], "y") > Attribute(rects[1], "y"));
        Assert.Equal(("1", "0.5", "1, 0"), ((string?)rects[0].Attribute("data-key"), (string?)rects[0].Attribute("fill-opacity"), Named(rects[0], "title").Single().Value));
    }

    [Fact]
    public void Bars_begin_where_the_part_before_ends_in_the_row_of_their_name()
    {
        IReadOnlyList<Series> stack = Series.StackBars([("a", null, [2, 0]), ("b", null, [3, 4])], (row, part) => $"{row} {part}");
        XElement svg = Svg(new Chart("t", new Axis("x") { From = 0, To = 5 }, Axis.Named("y", ["low", "high"]), stack));
        XElement[] bars = [.. Named(svg, "rect").Where(rect => (string?)rect.Attribute("class") == "bar")];
        Assert.Equal(["0 0", "0 1", "1 1"], bars.Select(bar => Named(bar, "title").Single().Value));
        Assert.Equal(Attribute(bars[0], "x") + Attribute(bars[0], "width"), Attribute(bars[1], "x"), 0.02);
        Assert.Equal(Tick(svg, "2", "x"), Attribute(bars[1], "x"), 0.02);
        Assert.Equal(Attribute(bars[0], "x"), Attribute(bars[2], "x"), 0.02);
        Assert.Equal(Attribute(bars[1], "width") * 4 / 3, Attribute(bars[2], "width"), 0.02);
        foreach ((XElement bar, string name) in new[] { (bars[1], "low"), (bars[2], "high") })
            Assert.InRange(Tick(svg, name, "y") - 4, Attribute(bar, "y"), Attribute(bar, "y") + Attribute(bar, "height"));
    }

    [Theory]
    [InlineData(2, 1)]
    [InlineData(200, 0)]
    public void Values_stand_in_cells_that_have_room(int columns, int shown)
    {
        ChartPoint[] cells = [.. Enumerable.Range(0, columns).Select(x => new ChartPoint(x, 0) { Label = x == 0 ? "12" : null, Opacity = 0.5 })];
        XElement svg = Svg(new Chart("t", Axis.Counts("x", 0, columns - 1), Axis.Counts("y", 0, 0), [new Series("a", Marks.Cells, cells)]));
        Assert.Equal(shown, Named(svg, "text").Count(text => (string?)text.Attribute("class") == "value"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Empty_series_draw_axes_and_a_legend(bool logarithmic)
    {
        var chart = new Chart("t", new Axis("x") { Logarithmic = logarithmic }, new Axis("y"), [new Series("none", Marks.Line | Marks.Circles, []), new Series("nothing", Marks.Cells, [])]);
        XElement svg = Svg(chart);
        Assert.Contains(Named(svg, "text"), text => text.Value == "none");
        Assert.DoesNotContain("NaN", svg.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain(Named(svg, "g"), group => (string?)group.Attribute("class") == "series-1" && group.HasElements);
    }

    [Fact]
    public void Names_are_text_whatever_they_contain()
    {
        var point = new ChartPoint(1, 1, Hostile) { Key = Hostile, Label = Hostile };
        var chart = new Chart(Hostile, new Axis(Hostile), new Axis(Hostile), [new Series(Hostile, Marks.Circles, [point]), new Series("b", Marks.Line, [])]) { Top = new Axis(Hostile), Width = 2000 };
        XElement svg = Svg(chart);
        string shown = Hostile.Replace('\u0001', '\uFFFD');
        Assert.Equal(shown, (string?)svg.Attribute("aria-label"));
        Assert.Equal(5, Named(svg, "text").Count(text => text.Value == shown));
        Assert.Equal(shown, Assert.Single(Named(svg, "title")).Value);
        Assert.Empty(Named(svg, "b"));
    }

    [Fact]
    public void Labels_do_not_lie_on_each_other()
    {
        ChartPoint[] points = [.. Enumerable.Range(0, 5).Select(i => new ChartPoint(0.5, 0.5) { Label = $"label number {i}" }), new(0, 0), new(1, 1)];
        XElement svg = Svg(new Chart("t", new Axis("x"), new Axis("y"), [new Series("a", Marks.Circles, points)]));
        XElement[] labels = [.. Named(svg, "text").Where(text => (string?)text.Attribute("class") == "label")];
        Assert.Equal(4, labels.Length);
        Assert.Equal(4, labels.Select(label => (Attribute(label, "x"), Attribute(label, "y"))).Distinct().Count());
    }

    [Fact]
    public void A_file_has_its_own_heading_and_style_and_is_the_same_each_time()
    {
        var chart = new Chart("the heading", new Axis("x"), new Axis("y"), [new Series("a", Marks.Line, [new(0, 0), new(1, 1)])]);
        XElement svg = XElement.Parse(chart.ToFile());
        Assert.Contains("prefers-color-scheme: dark", Assert.Single(Named(svg, "style")).Value, StringComparison.Ordinal);
        Assert.Contains(Named(svg, "text"), text => text.Value == "the heading");
        Assert.Equal(chart.ToFile(), (chart with { }).ToFile());
    }

    private static XElement Svg(Chart chart) => XElement.Parse(chart.ToElement(), LoadOptions.PreserveWhitespace);

    private static IEnumerable<XElement> Named(XElement svg, string name) => svg.Descendants().Where(element => element.Name.LocalName == name);

    private static double Tick(XElement svg, string label, string coordinate) =>
        Attribute(Named(svg, "text").Single(text => (string?)text.Attribute("class") == "tick" && text.Value == label && ((string?)text.Attribute("text-anchor") == "end") == (coordinate == "y")), coordinate);

    private static double Attribute(XElement element, string name) => double.Parse(element.Attribute(name)!.Value, CultureInfo.InvariantCulture);

    private static string Commands(string path) => string.Concat(path.Where(char.IsAsciiLetter));
}
