using TailorKV.Planner.Models;

namespace TailorKV.Planner.Policies;

/// <summary>The ways of keeping a layer that a profile measures and a plan chooses among.</summary>
public static class Catalogue
{
    /// <summary>The options that one layer allows; the first is the cache in full.</summary>
    /// <param name="layer">The layer's shape.</param>
    /// <param name="layerIndex">The layer's index, from 0.</param>
    public static IReadOnlyList<LayerPolicy> Options(LayerShape layer, int layerIndex) =>
        [.. All().Where(policy => policy.Problem(layer, layerIndex) is null)];

    private static IEnumerable<LayerPolicy> All()
    {
        yield return new FullPolicy();
        foreach ((int keyBits, int valueBits) in new[] { (8, 8), (8, 4), (4, 4), (4, 2), (2, 4), (2, 2), (1, 1) })
            yield return new QuantizedPolicy { KeyBits = keyBits, ValueBits = valueBits };
        yield return new QuantizedPolicy { KeyBits = 2, ValueBits = 2, Group = 64, Residual = 64 };
        yield return new QuantizedPolicy { KeyBits = 4, ValueBits = 4, KeyAxis = KeyAxis.PerToken };
        foreach (int topK in new[] { 32, 64, 256 })
        {
            yield return new RetrievedPolicy { TopK = topK, Index = new CodedKeys(1, 128) };
            yield return new RetrievedPolicy { TopK = topK, Index = new CodedKeys(2) };
            yield return new RetrievedPolicy { TopK = topK, Index = new CriticalChannels(8) };
        }
    }
}
