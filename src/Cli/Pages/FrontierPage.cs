using System.Globalization;
using System.Net;
using System.Text.Json;
using TailorKV.Cli.Charts;
using TailorKV.Cli.Output;
using TailorKV.Cli.Results;
using TailorKV.Planner;

namespace TailorKV.Cli.Pages;

/// <summary>The frontier as an HTML page: the best plan at each size, and what each of them does with every layer.</summary>
internal static class FrontierPage
{
    // Charts side by side are as wide as they are shown, so that their text is as large as elsewhere.
    private const int HalfWidth = 570;

    private static readonly ResultJsonContext Compact = new(new JsonSerializerOptions(ResultJsonContext.Default.Options) { WriteIndented = false });

    /// <summary>The page.</summary>
    /// <param name="frontier">What it shows.</param>
    public static string Render(FrontierResult frontier) => Page.Render("frontier", new Dictionary<string, string>
    {
        ["model"] = WebUtility.HtmlEncode(frontier.Model),
        ["context"] = frontier.Context.ToString("N0", CultureInfo.InvariantCulture),
        ["points"] = $"{frontier.Points.Count}",
        ["fullCache"] = ByteSize.Format(frontier.FullCacheBytes),
        ["text"] = WebUtility.HtmlEncode(frontier.Measured.Text),
        ["windows"] = Page.Windows(frontier.Measured.Windows),
        ["measuredContext"] = frontier.Measured.Context.ToString("N0", CultureInfo.InvariantCulture),
        ["tail"] = $"{frontier.Measured.Tail}",
        ["profile"] = WebUtility.HtmlEncode(Path.GetFileName(frontier.Profile)),
        ["unbeaten"] = frontier.Points[0].SecondsPerToken is null ? "no other plan is both smaller and better" : "no other plan is smaller, better and faster at once",
        ["note"] = Note(frontier),
        ["tradeOff"] = TradeOff(frontier).ToElement(),
        ["layers"] = LayerChoices(frontier).ToElement(),
        ["memory"] = Memory(frontier).ToElement(),
        ["time"] = Time(frontier) is { } time ? $"<h2>Time for each token</h2>\n<figure id=\"over-time\">{time.ToElement()}</figure>" : "",
        ["data"] = JsonSerializer.Serialize(frontier, Compact.FrontierResult),
    });

    private static string Note(FrontierResult frontier) =>
        Page.Derived(frontier.Measured.DerivedFrom)
        + (frontier.Context <= frontier.Measured.Context + frontier.Measured.Tail
            ? ""
            : $"<p class=\"note\">The losses were measured at {frontier.Measured.Context:N0} tokens of context. At {frontier.Context:N0} they may be larger; the bytes are exact.</p>");

    private static Chart TradeOff(FrontierResult frontier)
    {
        ChartPoint[] points = [.. frontier.Points.Select((point, i) => new ChartPoint(point.Cache.DeviceBytes, Math.Max(point.PredictedLoss, Show.LeastLoss), Title(point, i)) { Key = $"{i}" })];
        ChartPoint[] references = [.. frontier.References.Select(reference => new ChartPoint(
            reference.DeviceBytes, Math.Max(reference.PredictedLoss, Show.LeastLoss),
            $"{reference.Name}\n{ByteSize.Format(reference.DeviceBytes)}, {(double)reference.DeviceBytes / frontier.FullCacheBytes:0.0%} of the full cache\nloss {Show.Loss(reference.PredictedLoss)} nats per token")
        { Label = reference.Name })];
        return new Chart(
            $"Device bytes against predicted loss, {frontier.Model}", Axis.Bytes("device memory of the caches", points[^1].X), Loss(),
            [
                new Series("", Marks.Steps, [.. BestBySize(points)]) { Style = "accent" },
                new Series("the best plans", Marks.Circles, points) { Style = "accent" },
                new Series("to compare", Marks.Diamonds, references) { Style = "muted" },
            ])
        { Top = Share(frontier) };
    }

    // Where time counts, some plans are there for their speed, and are beaten in bytes and loss.
    private static IEnumerable<ChartPoint> BestBySize(IEnumerable<ChartPoint> points)
    {
        double least = double.PositiveInfinity;
        foreach (ChartPoint point in points.Where(point => point.Y < least))
        {
            least = point.Y;
            yield return point;
        }
    }

    private static Chart LayerChoices(FrontierResult frontier)
    {
        int layers = frontier.Points[0].Layers.Count;
        IEnumerable<string> modes = frontier.Points.SelectMany(point => point.LayersByMode.Keys).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal);
        double most = frontier.Points.SelectMany(point => point.Layers).Max(layer => (double)layer.DeviceBytes);
        return new Chart(
            $"How each plan keeps each layer, {frontier.Model}", Axis.Counts("plan, from the smallest to the largest", 1, frontier.Points.Count), Axis.Counts("layer", 0, layers - 1),
            [.. modes.Select(mode => new Series(mode, Marks.Cells, [.. frontier.Points.SelectMany((point, i) => point.Layers.Where(layer => layer.Mode == mode).Select(layer =>
                new ChartPoint(i + 1, layer.Index, $"plan {i + 1}, layer {layer.Index}: {layer.Mode}\n{layer.Choices}\n{ByteSize.Format(layer.DeviceBytes)} on the device, loss {Show.Loss(layer.Loss, layer.LossError)}")
                {
                    Key = $"{i}",
                    Opacity = 0.45 + (0.55 * Math.Sqrt(layer.DeviceBytes / most)),
                }))]) { Style = mode })])
        { Width = HalfWidth, Height = 110 + Math.Clamp(layers * 12, 150, 600) };
    }

    private static Chart Memory(FrontierResult frontier)
    {
        double[] xs = [.. Enumerable.Range(1, frontier.Points.Count).Select(number => (double)number)];
        IReadOnlyList<double> Parts(Func<PlanResult.DeviceMemory, long> part) => [.. frontier.Points.Select(point => (double)part(point.Device))];
        double most = frontier.Points.Max(point => Math.Max(point.Device.TotalBytes, point.Host.TotalBytes));
        return new Chart(
            $"Memory by part, {frontier.Model}", Axis.Counts("plan, from the smallest to the largest", 1, frontier.Points.Count), Axis.Bytes("memory", most),
            [
                .. Series.Stack(xs,
                [
                    ("weights", "weights", Parts(device => device.WeightBytes)), ("activations", "activations", Parts(device => device.ActivationBytes)),
                    ("logits", "logits", Parts(device => device.LogitBytes)), ("staging", "staging", Parts(device => device.StagingBytes)),
                    ("caches", "caches", Parts(device => device.CacheBytes)),
                ]),
                new Series("", Marks.Circles, [.. frontier.Points.Select((point, i) => new ChartPoint(i + 1, point.Device.TotalBytes, Title(point, i)) { Key = $"{i}" })]) { Style = "caches" },
                new Series("host memory", Marks.Dashes, [.. frontier.Points.Select((point, i) => new ChartPoint(i + 1, point.Host.TotalBytes))]) { Style = "host" },
            ])
        { Width = HalfWidth, Height = 330 };
    }

    // Each decade of loss is a series of its own, so that its colour is in the legend.
    private static Chart? Time(FrontierResult frontier)
    {
        var timed = frontier.Points.Select((point, i) => (Point: point, Number: i)).Where(entry => entry.Point.SecondsPerToken is not null).ToList();
        if (timed.Count == 0)
            return null;
        var decades = timed.GroupBy(entry => (int)Math.Floor(Math.Log10(Math.Max(entry.Point.PredictedLoss, Show.LeastLoss)))).OrderBy(decade => decade.Key).ToList();
        return new Chart(
            $"Device bytes against time, {frontier.Model}", Axis.Bytes("device memory of the caches", timed.Max(entry => entry.Point.Cache.DeviceBytes)),
            new Axis("time for each token") { Unit = 1e-3, Suffix = " ms", From = 0 },
            [.. decades.Select((decade, i) => new Series(
                $"loss below {Math.Pow(10, decade.Key + 1):0.#######}", Marks.Circles,
                [.. decade.Select(entry => new ChartPoint(entry.Point.Cache.DeviceBytes, entry.Point.SecondsPerToken!.Value, Title(entry.Point, entry.Number)) { Key = $"{entry.Number}" })])
            { Style = $"ramp-{Math.Min(i + 1, 6)}" })])
        { Top = Share(frontier) };
    }

    private static Axis Loss() => new("predicted loss, nats per token") { Logarithmic = true };

    private static Axis Share(FrontierResult frontier) => new("share of the full bf16 cache") { Unit = frontier.FullCacheBytes / 100.0, Suffix = "%" };

    private static string Title(FrontierResult.Point point, int index) =>
        $"plan {index + 1}: {ByteSize.Format(point.Cache.DeviceBytes)}, {point.Cache.Share:0.0%} of the full cache\nloss {Show.Loss(point.PredictedLoss, point.PredictedLossError)} nats per token\n"
        + (point.SecondsPerToken is { } seconds ? $"{seconds * 1000:0.##} ms for each token\n" : "") + Show.Modes(point.LayersByMode);
}
