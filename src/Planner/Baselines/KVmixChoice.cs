using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Profiles;

namespace TailorKV.Planner.Baselines;

/// <summary>
/// KVmix's rule (arXiv 2506.08018): a fifth of the layers, those where the loss's gradient at the key and value matrices is largest, get 3 bits for keys and 4 for values, the others 2
/// for both.
/// </summary>
internal static class KVmixChoice
{
    private static readonly LayerPolicy More = Catalogue.Kivi(3, 4);
    private static readonly LayerPolicy Less = Catalogue.Kivi(2, 2);

    /// <summary>The policies that the rule gives layers.</summary>
    public static IReadOnlyList<LayerPolicy> Options { get; } = [More, Less];

    /// <summary>Applies the rule; null where the profile has no gradients.</summary>
    /// <param name="profile">What was measured.</param>
    public static Baseline? Make(ModelProfile profile)
    {
        if (profile.Layers.Any(layer => layer.Gradients is null))
            return null;
        ModelShape shape = profile.Model.Shape;
        int[] ranked = [.. from layer in profile.Layers
                           where shape.Layer(layer.Layer).SlidingWindow is null
                           orderby layer.Gradients!.Keys + layer.Gradients.Values descending, layer.Layer
                           select layer.Layer];
        // Rounded down, the paper's mean bits come out: 6 of 32 layers make K2.19 V2.38.
        HashSet<int> more = [.. ranked.Take(Math.Max(1, ranked.Length / 5))];
        return Baseline.Of(shape, "KVmix", "KVmix, arXiv 2506.08018", layer => more.Contains(layer) ? More : Less);
    }
}
