using System.Globalization;
using TailorKV.Cli.Charts;
using TailorKV.Cli.Output;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Profiles;

namespace TailorKV.Cli.Pages;

/// <summary>Sections of a profile's page for what not every profile has; each is empty where its profile lacks it.</summary>
internal static class ProfileSections
{
    private const int Width = 1180;
    private const int Row = 18;

    /// <summary>Dense-preference scores after several numbers of tokens.</summary>
    /// <param name="profile">The profile.</param>
    public static string Contexts(ModelProfile profile)
    {
        (int Layer, ContextDensity Density)[] cells = [.. profile.Layers.SelectMany(layer => (layer.Densities ?? []).Select(density => (layer.Layer, density)))];
        int[] contexts = [.. cells.Select(cell => cell.Density.Context).Distinct().Order()];
        if (contexts.Length == 0)
            return "";
        var chart = new Chart(
            $"Dense-preference score by layer and tokens read, {profile.Model.Name}", Axis.Counts("layer", 0, profile.Layers.Count - 1),
            Axis.Named("tokens read", [.. contexts.Select(Grouped)]),
            [
                new Series("score", Marks.Cells, [.. cells.Select(cell => ProfilePage.ShareCell(
                    cell.Layer, Array.IndexOf(contexts, cell.Density.Context), cell.Density.Mean,
                    $"layer {cell.Layer} after {Grouped(cell.Density.Context)} tokens: {cell.Density.Mean:0.000}\nstandard deviation over windows {cell.Density.Spread:0.000}"))]) { Style = "accent" },
            ])
        { Width = Width, Height = 80 + (Row * contexts.Length) };
        var table = new HtmlTable(
            "Dense-preference scores by layer and tokens read, with their standard deviation over windows, as a table", [">layer", .. contexts.Select(context => $">{Grouped(context)}")],
            profile.Layers.Select(layer => (string[])
            [
                $"{layer.Layer}",
                .. contexts.Select(context => layer.Densities?.FirstOrDefault(density => density.Context == context) is { } density ? $"{density.Mean:0.000} ± {density.Spread:0.000}" : "-"),
            ]));
        return $"<h2>Dense-preference score by context</h2>\n<figure id=\"contexts\">{chart.ToElement()}</figure>\n{table.ToFold()}";
    }

    /// <summary>How much of the attention mass each index catches: means over the layers as curves, and every layer as a heat map.</summary>
    /// <param name="profile">The profile.</param>
    public static string Recalls(ModelProfile profile)
    {
        (int Layer, string Index, RecallPoint Point)[] points =
        [
            .. from layer in profile.Layers
               from curve in layer.Recalls ?? []
               from point in curve.Points
               select (layer.Layer, Name(curve.Index), point),
        ];
        if (points.Length == 0)
            return "";
        var curves = new Chart(
            $"Attention mass caught by index and tokens retrieved, {profile.Model.Name}", new Axis("tokens retrieved for each KV head") { Logarithmic = true },
            new Axis("attention mass caught") { Unit = 0.01, Suffix = "%", To = 1 },
            [
                .. points.GroupBy(point => point.Index).Select(index => new Series(
                    index.Key, Marks.Line | Marks.Circles,
                    [
                        .. from point in index
                           group point.Point.Mass by point.Point.TopK into masses
                           orderby masses.Key
                           select new ChartPoint(masses.Key, masses.Average(), $"{index.Key}, top {masses.Key}: {masses.Average():0.0%}, {masses.Min():0.0%} to {masses.Max():0.0%} by layer"),
                    ])),
            ])
        { Width = Width, Height = 380 };
        (string Index, int TopK)[] rows = [.. points.Select(point => (point.Index, point.Point.TopK)).Distinct().OrderBy(row => row.Index, StringComparer.Ordinal).ThenBy(row => row.TopK)];
        var byLayer = new Chart(
            $"Attention mass caught by layer, {profile.Model.Name}", Axis.Counts("layer", 0, profile.Layers.Count - 1),
            Axis.Named("", [.. rows.Reverse().Select(row => $"{row.Index}, top {row.TopK}")]),
            [
                new Series("mass", Marks.Cells, [.. points.Select(point => ProfilePage.ShareCell(
                    point.Layer, rows.Length - 1 - Array.IndexOf(rows, (point.Index, point.Point.TopK)), point.Point.Mass,
                    $"layer {point.Layer}, {point.Index}, top {point.Point.TopK}: {point.Point.Mass:0.0%}"))]) { Style = "accent" },
            ])
        { Width = Width, Height = 80 + (Row * rows.Length) };
        ILookup<(string Index, int TopK, int Layer), double> masses = points.ToLookup(point => (point.Index, point.Point.TopK, point.Layer), point => point.Point.Mass);
        var table = new HtmlTable(
            "Attention mass caught, in percent, by index and tokens retrieved, with a column for each layer, as a table", ["index", .. profile.Layers.Select(layer => $">{layer.Layer}")],
            rows.Select(row => (string[])
            [
                $"{row.Index}, top {row.TopK}",
                .. profile.Layers.Select(layer => masses[(row.Index, row.TopK, layer.Layer)].Select(mass => $"{mass * 100:0.0}").FirstOrDefault("-")),
            ]));
        return $"""
            <h2>Recall</h2>
            <p>The share of the attention mass that lies on sinks, recent tokens and those that an index retrieves: means over the layers, then each layer. The number in a cell is the share in percent.
            The exact masses are an oracle: no index can catch more.</p>
            <figure id="recall">{curves.ToElement()}</figure>
            <figure id="recall-layers">{byLayer.ToElement()}</figure>
            {table.ToFold()}
            """;
    }

    /// <summary>Other files of the model's weights.</summary>
    /// <param name="profile">The profile.</param>
    public static string OtherWeights(ModelProfile profile) => profile.Weights is not { Count: > 0 } weights
        ? ""
        : "<h2>Other weights</h2>\n" + new HtmlTable(
            "Other files of the model, and the loss of using them in place of the profiled one", ["name", ">bytes", ">loss, nats per token"],
            weights.Select(choice => (string[])[choice.Name, $"{choice.WeightBytes}", Show.Loss(choice.Loss, choice.LossError)])).ToElement();

    /// <summary>Options that could not be measured.</summary>
    /// <param name="profile">The profile.</param>
    public static string Unmeasured(ModelProfile profile) => profile.Layers.All(layer => layer.Unmeasured is null)
        ? ""
        : "<h2>Not measured</h2>\n" + new HtmlTable(
            "Options that gave no numbers that can be; no plan chooses them", [">layer", "mode", "option", "reason"],
            profile.Layers.SelectMany(layer => (layer.Unmeasured ?? []).Select(option => (string[])[$"{layer.Layer}", option.Policy.Kind.Name, option.Policy.Describe(), option.Reason]))).ToElement();

    private static string Name(KeyIndex? index) => index?.Describe() ?? "exact masses";

    private static string Grouped(int count) => count.ToString("N0", CultureInfo.InvariantCulture);
}
