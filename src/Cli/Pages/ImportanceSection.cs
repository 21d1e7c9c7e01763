using TailorKV.Cli.Charts;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Planner.Profiles;

namespace TailorKV.Cli.Pages;

/// <summary>The section of a profile's page that shows how unequally RoPE pairs add to scores, layer by layer; empty where the profile has no calibrations.</summary>
internal static class ImportanceSection
{
    private const int Width = 1180;
    private const int MostHeight = 460;
    private const int Row = 13;

    // Less than this share of the largest is as good as nothing, and a channel that nothing was seen in has no logarithm.
    private const double Least = 1e-6;

    /// <summary>The section.</summary>
    /// <param name="profile">The profile.</param>
    public static string Render(ModelProfile profile)
    {
        (int Layer, double[] Pairs)[] layers =
            [.. from layer in profile.Layers where layer.Calibration is not null select (layer.Layer, Pairs(layer.Calibration!, profile.Model.Shape.Layer(layer.Layer)))];
        if (layers.Length == 0)
            return "";
        int pairs = layers.Max(layer => layer.Pairs.Length);
        double decades = Math.Max(1, -layers.Min(layer => layer.Pairs[^1]));
        var chart = new Chart(
            $"Importance of RoPE pairs by layer, {profile.Model.Name}", Axis.Counts("layer", 0, profile.Layers.Count - 1), Axis.Counts("pair, sorted", 1, pairs),
            [
                new Series("importance", Marks.Cells,
                [
                    .. from layer in layers
                       from pair in Enumerable.Range(0, layer.Pairs.Length)
                       let share = layer.Pairs[pair]
                       select new ChartPoint(layer.Layer, pair + 1, $"layer {layer.Layer}, pair {pair + 1} of {layer.Pairs.Length}: {Math.Pow(10, share):0.0e+0} of the largest")
                       {
                           Opacity = ProfilePage.Opacity(1 + (share / decades)),
                           Label = $"{Math.Round(-share) + 0:0}",
                       },
                ])
                { Style = "accent" },
            ])
        { Width = Width, Height = Math.Min(MostHeight, 80 + (Row * pairs)) };
        var table = new HtmlTable(
            "Decimal logarithms of the importance of RoPE pairs, relative to the largest, with a column for each pair from the one that counts most, as a table",
            [">layer", .. Enumerable.Range(1, pairs).Select(pair => $">{pair}")],
            layers.Select(layer => (string[])[$"{layer.Layer}", .. Enumerable.Range(0, pairs).Select(pair => pair < layer.Pairs.Length ? $"{layer.Pairs[pair] + 0:0.00}" : "-")]));
        return $"""
            <h2>Importance of RoPE pairs</h2>
            <p>How much each pair of channels that RoPE turns together adds to scores: the mean square of the queries times that of the keys. In each KV head pairs are sorted, the one that counts most at the bottom,
            and taken relative to that one; a layer's cells are the means over its KV heads, of logarithms. The number in a cell is the order of magnitude: 0 counts about as much as the largest, 2 about a hundredth of it.
            A column that pales quickly is a layer whose keys need many bits in few channels: codes in tiers spend them there, a quarter of the pairs to a tier where there are four. In a column of one colour tiers
            gain little.</p>
            <figure id="importance">{chart.ToElement()}</figure>
            {table.ToFold()}
            """;
    }

    /// <summary>Of each pair, from the one that counts most, the decimal logarithm of its importance relative to the largest, mean over KV heads.</summary>
    private static double[] Pairs(KeyCalibration calibration, LayerShape shape)
    {
        double[][] heads = [.. Enumerable.Range(0, shape.KvHeads).Select(head =>
        {
            double[] sorted = [.. calibration.QueriesOf(head, shape.HeadDim).Zip(calibration.KeysOf(head, shape.HeadDim), (query, key) => Math.Pow((double)query * key, 2)).OrderDescending()];
            // Both channels of a pair have the same number and so stand side by side. Channels that RoPE does not turn have their own, and every second one stands for two.
            return sorted.Where((_, rank) => rank % 2 == 0).Select(importance => sorted[0] > 0 ? Math.Log10(Math.Max(importance / sorted[0], Least)) : 0).ToArray();
        })];
        return [.. heads[0].Select((_, pair) => heads.Average(head => head[pair]))];
    }
}
