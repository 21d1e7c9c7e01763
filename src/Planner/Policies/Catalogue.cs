using TailorKV.Planner.Models;
using TailorKV.Planner.Policies.Codes;

namespace TailorKV.Planner.Policies;

/// <summary>The ways of keeping a layer that a profile measures and a plan chooses among.</summary>
public static class Catalogue
{
    /// <summary>KIVI's layout (arXiv 2402.02750): keys per channel, values per token, no sinks.</summary>
    /// <param name="keyBits">Bits of a key's code.</param>
    /// <param name="valueBits">Bits of a value's code.</param>
    /// <param name="group">Tokens or channels that share a scale and zero.</param>
    public static QuantizedPolicy Kivi(int keyBits, int valueBits, int group = 32) => new()
    {
        Keys = new PerChannelFormat { Bits = keyBits, Group = group },
        Values = new PerTokenFormat { Bits = valueBits, Group = group },
        Sinks = 0,
    };

    /// <summary>Rotated codes of normal levels for keys and values.</summary>
    /// <param name="keyBits">Bits of a key's code.</param>
    /// <param name="valueBits">Bits of a value's code.</param>
    public static QuantizedPolicy Rotated(int keyBits, int valueBits) =>
        new() { Keys = new RotatedNormalFormat { Bits = keyBits }, Values = new RotatedNormalFormat { Bits = valueBits } };

    /// <summary>Rotated codes of normal levels, refined by exact rows.</summary>
    /// <param name="keyBits">Bits of a key's code.</param>
    /// <param name="valueBits">Bits of a value's code.</param>
    /// <param name="topK">Exact rows for each KV head and step.</param>
    public static RefinedPolicy Refined(int keyBits, int valueBits, int topK) =>
        new() { Keys = new RotatedNormalFormat { Bits = keyBits }, Values = new RotatedNormalFormat { Bits = valueBits }, TopK = topK };

    /// <summary>The options that one layer allows; the first is the cache in full.</summary>
    /// <param name="layer">The layer's shape.</param>
    /// <param name="layerIndex">The layer's index, from 0.</param>
    public static IReadOnlyList<LayerPolicy> Options(LayerShape layer, int layerIndex) =>
        [.. All().Where(policy => policy.Problem(layer, layerIndex) is null)];

    private static IEnumerable<LayerPolicy> All()
    {
        yield return new FullPolicy();
        foreach ((int keyBits, int valueBits) in new[] { (8, 8), (4, 4), (4, 2), (2, 2), (1, 1) })
            yield return Kivi(keyBits, valueBits);
        foreach ((int keyBits, int valueBits) in new[] { (4, 4), (4, 3), (3, 3), (3, 2), (2, 2), (1, 1) })
            yield return Rotated(keyBits, valueBits);
        foreach (int topK in new[] { 64, 256 })
        {
            yield return new RetrievedPolicy { TopK = topK, Index = new CodedKeys(new RotatedNormalFormat { Bits = 1 }) };
            yield return new RetrievedPolicy { TopK = topK, Index = new CodedKeys(new PerChannelFormat { Bits = 2, Group = 64 }) };
            yield return new RetrievedPolicy { TopK = topK, Index = new CriticalChannels(8) };
        }

        foreach (int topK in new[] { 32, 128 })
        {
            foreach ((int keyBits, int valueBits) in new[] { (1, 1), (2, 1), (2, 2), (3, 2), (3, 3) })
                yield return Refined(keyBits, valueBits, topK);
        }
    }
}
