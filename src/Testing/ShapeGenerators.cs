using FsCheck;
using FsCheck.Fluent;
using TailorKV.Planner.Models;

namespace TailorKV.Testing;

/// <summary>Small models: few heads of few elements, of every kind that shapes bytes (grouped queries, a head dimension that is no power of two, sliding windows).</summary>
public static class ShapeGenerators
{
    /// <summary>The shape of one layer: up to 3 KV heads, each shared by up to 3 query heads, and a sliding window now and then.</summary>
    public static Gen<LayerShape> Layer { get; } =
        from kvHeads in Gen.Choose(1, 3)
        from queries in Gen.Choose(1, 3)
        from headDim in HeadDim
        from window in SlidingWindow
        select new LayerShape(kvHeads * queries, kvHeads, headDim, window);

    /// <summary>Simpler shapes: fewer KV heads, fewer query heads on each, shorter heads, no window or a shorter one.</summary>
    /// <param name="layer">The shape to make simpler.</param>
    public static IEnumerable<LayerShape> Shrink(LayerShape layer)
    {
        (int kvHeads, int queries) = (layer.KvHeads, layer.Heads / layer.KvHeads);
        return
        [
            .. Shrinking.Smaller(kvHeads, 1).Select(fewer => layer with { Heads = fewer * queries, KvHeads = fewer }),
            .. Shrinking.Smaller(queries, 1).Select(fewer => layer with { Heads = kvHeads * fewer }),
            .. Shrinking.Smaller(layer.HeadDim / 2, 1).Select(half => layer with { HeadDim = 2 * half }),
            .. layer.SlidingWindow is { } window ? Shrinking.Smaller(window, 1).Select(shorter => layer with { SlidingWindow = shorter }).Prepend(layer with { SlidingWindow = null }) : [],
        ];
    }

    private static Gen<int> HeadDim => Gen.Elements(6, 16, 64);

    private static Gen<int?> SlidingWindow => Gen.Frequency((5, Gen.Constant((int?)null)), (1, Gen.Choose(1, 2000).Select(window => (int?)window)));

    /// <summary>A model's shape. Its layers differ in nothing but their windows.</summary>
    /// <param name="mostLayers">The most layers; at least 1.</param>
    public static Gen<ModelShape> Model(int mostLayers = 3) =>
        from layer in Layer
        from layers in Gen.Choose(1, mostLayers)
        from windowed in Gen.Choose(0, 2)
        from windows in SlidingWindow.ArrayOf(layers)
        select new ModelShape
        {
            Architecture = "mistral",
            Layers = layers,
            HiddenSize = 64,
            IntermediateSize = 96,
            Heads = layer.Heads,
            KvHeads = layer.KvHeads,
            HeadDim = layer.HeadDim,
            VocabularySize = 100,
            ContextLength = 4096,
            SlidingWindows = windowed == 0 ? windows : null,
        };
}
