using TailorKV.Cli.Charts;
using TailorKV.Planner.Profiles;

namespace TailorKV.Cli.Pages;

/// <summary>The section of a profile's page that shows how the loss follows each layer's keys and values; empty where the profile has no gradients.</summary>
internal static class GradientSection
{
    private const int Width = 1180;

    /// <summary>The section.</summary>
    /// <param name="profile">The profile.</param>
    public static string Render(ModelProfile profile)
    {
        (int Layer, LayerGradients Of)[] layers = [.. from layer in profile.Layers where layer.Gradients is not null select (layer.Layer, layer.Gradients!)];
        if (layers.Length == 0)
            return "";
        double largest = layers.Max(layer => Math.Max(layer.Of.Keys, layer.Of.Values));
        var chart = new Chart(
            $"Gradients at keys and values by layer, {profile.Model.Name}", Axis.Counts("layer", 0, profile.Layers.Count - 1), Axis.Named("", ["values", "keys"]),
            [
                new Series("gradient", Marks.Cells,
                [
                    .. from layer in layers
                       from row in new[] { (Index: 1, Name: "keys", Norm: layer.Of.Keys), (Index: 0, Name: "values", Norm: layer.Of.Values) }
                       let share = largest > 0 ? row.Norm / largest : 0
                       select ProfilePage.ShareCell(layer.Layer, row.Index, share, $"layer {layer.Layer}, {row.Name}: {row.Norm:0.000e+0}, {share:0.0%} of the largest"),
                ])
                { Style = "accent" },
            ])
        { Width = Width, Height = 120 };
        var table = new HtmlTable(
            "Norms of the loss's gradient at the key and value matrices, and Fisher information of keys and values, by layer, as a table",
            [">layer", ">keys", ">values", ">Fisher information of keys", ">of values"],
            layers.Select(layer => (string[])
                [$"{layer.Layer}", $"{layer.Of.Keys:0.000e+0}", $"{layer.Of.Values:0.000e+0}", $"{layer.Of.KeyFisher:0.000e+0}", $"{layer.Of.ValueFisher:0.000e+0}"]));
        return $"""
            <h2>Gradients</h2>
            <p>How steeply the text's cross entropy follows each layer's key and value matrices: the norm of its gradient, which KVmix calls the layer's importance.
            The number in a cell is its share of the largest in percent.</p>
            <figure id="gradients">{chart.ToElement()}</figure>
            {table.ToFold()}
            """;
    }
}
