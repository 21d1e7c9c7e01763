using TailorKV.Planner;
using TailorKV.Planner.Profiles;
using TailorKV.Runtime;

namespace TailorKV.Profiler.Measuring;

/// <summary>How the loss of a window's context follows each layer's keys and values, and the mean of it over windows.</summary>
internal static class WindowGradients
{
    /// <summary>One pass over the first tokens of a window's context.</summary>
    /// <param name="model">The model.</param>
    /// <param name="window">Tokens: context, then those that are judged, which do not count.</param>
    /// <param name="context">Tokens of context.</param>
    /// <param name="cancellation">Ends the work.</param>
    /// <exception cref="TailorKVException">Some gradient is no finite number.</exception>
    public static LayerGradients[] Measure(CausalLanguageModel model, ReadOnlySpan<int> window, int context, CancellationToken cancellation)
    {
        // Of the window's length: rotary embeddings may be scaled by it.
        LayerGradients[] layers = [.. model.Gradients(window[..Math.Min(context, LayerGradients.MostTokens)], window.Length, cancellation)];
        int broken = Array.FindIndex(layers, layer => layer.Problem() is not null);
        return broken < 0
            ? layers
            : throw new TailorKVException($"the loss's gradient at layer {broken}: {layers[broken].Problem()}", "Profile without --gradients, or on other text with --text", model.Path);
    }

    /// <summary>The mean of each layer over windows.</summary>
    /// <param name="windows">By window, the layers.</param>
    public static LayerGradients[] Mean(IReadOnlyList<LayerGradients[]> windows) => [.. Enumerable.Range(0, windows[0].Length).Select(layer =>
    {
        return new LayerGradients(Of(one => one.Keys), Of(one => one.Values), Of(one => one.KeyFisher), Of(one => one.ValueFisher));

        double Of(Func<LayerGradients, double> number) => LayerSums.Round(windows.Average(window => number(window[layer])));
    })];
}
