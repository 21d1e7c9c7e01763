using TailorKV.Planner.Models;
using TailorKV.Planner.Policies.Codes;

namespace TailorKV.Planner.Policies;

/// <summary>The ways of keeping a layer that a profile measures and a plan chooses among.</summary>
public static class Catalogue
{
    /// <summary>What shows at a glance what a layer stands: the cache in full, keys and values coarse apart and together, tokens left out, and the two joined.</summary>
    public static IReadOnlyList<LayerPolicy> Diagnostic { get; } =
    [
        new FullPolicy(), Kivi(4, 4), Kivi(2, 8), Kivi(8, 2), Kivi(2, 2), Rotated(2, 2),
        new RetrievedPolicy { TopK = 64, Index = new CriticalChannels(8) }, Refined(1, 1, 32),
    ];

    /// <summary>Of each kind and format those that plans were found to be made of, with the full cache first.</summary>
    public static IReadOnlyList<LayerPolicy> Standard { get; } =
    [
        new FullPolicy(),
        .. Pairs((8, 8), (8, 4), (4, 4), (4, 2)).Select(bits => Kivi(bits.Keys, bits.Values)),
        .. Pairs((4, 4), (4, 3), (3, 3), (3, 2), (3, 1), (2, 2), (2, 1), (1, 1)).Select(bits => Rotated(bits.Keys, bits.Values)),
        .. from bits in Pairs((4, 4), (4, 3), (4, 2), (3, 3), (3, 2), (2, 3), (2, 2), (2, 1))
           select PerChannelAndRotated(bits.Keys, bits.Values),
        .. from choice in new (int TopK, KeyIndex Index)[]
           {
               (64, CodedKeys(1)), (64, new CriticalChannels(8)), (256, CodedKeys(2)), (256, CodedKeysPerChannel(2)), (256, new CriticalChannels(8)),
               (1024, CodedKeys(2)), (1024, new CriticalChannels(12)),
           }
           select new RetrievedPolicy { TopK = choice.TopK, Index = choice.Index },
        .. from choice in new (int Keys, int Values, int TopK)[]
           {
               (2, 2, 32), (3, 3, 32), (1, 1, 128), (2, 1, 128), (2, 2, 128), (3, 2, 128), (3, 3, 128), (4, 3, 128), (2, 2, 512), (3, 3, 512), (4, 3, 512),
           }
           select Refined(choice.Keys, choice.Values, choice.TopK),
        .. from values in (int[])[2, 1]
           select new RefinedPolicy { Keys = PerChannel(2, 64), Values = RotatedNormal(values), TopK = 128 },
    ];

    /// <summary>
    /// Every format at every pair of bits, with few and many exact tokens; every index and number of tokens retrieved; every pair of codes refined by few and by
    /// many exact rows. Some 1,800, which take hours to measure.
    /// </summary>
    public static IReadOnlyList<LayerPolicy> All { get; } =
    [
        new FullPolicy(),
        .. from codes in CodePairs(32, 64, 128)
           from sinks in (int[])[0, 4]
           from recent in (int[])[32, 128]
           select new QuantizedPolicy { Keys = codes.Keys, Values = codes.Values, Sinks = sinks, Recent = recent },
        .. from topK in PowersOfTwo(32, 8192)
           from index in (KeyIndex[])
           [
               CodedKeys(1), CodedKeys(2), CodedKeysPerChannel(1), CodedKeysPerChannel(2), CodedKeysPerChannel(4),
               new CriticalChannels(4), new CriticalChannels(8), new CriticalChannels(12), new CriticalChannels(16),
           ]
           select new RetrievedPolicy { TopK = topK, Index = index },
        .. from codes in CodePairs(64)
           from topK in PowersOfTwo(16, 2048)
           select new RefinedPolicy { Keys = codes.Keys, Values = codes.Values, TopK = topK },
    ];

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

    /// <summary>Keys per channel in groups of 64 tokens, where they lose least, and values in rotated codes of normal levels, where those do.</summary>
    /// <param name="keyBits">Bits of a key's code.</param>
    /// <param name="valueBits">Bits of a value's code.</param>
    public static QuantizedPolicy PerChannelAndRotated(int keyBits, int valueBits) => new() { Keys = PerChannel(keyBits, 64), Values = RotatedNormal(valueBits) };

    /// <summary>Rotated codes of normal levels, refined by exact rows.</summary>
    /// <param name="keyBits">Bits of a key's code.</param>
    /// <param name="valueBits">Bits of a value's code.</param>
    /// <param name="topK">Exact rows for each KV head and step.</param>
    public static RefinedPolicy Refined(int keyBits, int valueBits, int topK) =>
        new() { Keys = new RotatedNormalFormat { Bits = keyBits }, Values = new RotatedNormalFormat { Bits = valueBits }, TopK = topK };

    /// <summary>Of some options, those that one layer allows, each once and in their order.</summary>
    /// <param name="options">The options.</param>
    /// <param name="layer">The layer's shape.</param>
    /// <param name="layerIndex">The layer's index, from 0.</param>
    public static IReadOnlyList<LayerPolicy> Allowed(IEnumerable<LayerPolicy> options, LayerShape layer, int layerIndex) =>
        [.. options.Where(policy => policy.Problem(layer, layerIndex) is null).Distinct()];

    private static IEnumerable<(CodeFormat Keys, CodeFormat Values)> CodePairs(params int[] groups) =>
    [
        .. from bits in Products(8, 4, 3, 2, 1) from g in groups select (PerChannel(bits.Keys, g), PerToken(bits.Values, g)),
        .. from bits in Products(8, 4, 3, 2, 1) from g in groups select (PerToken(bits.Keys, g), PerToken(bits.Values, g)),
        .. from bits in Products(8, 4) select (PerBlock(bits.Keys), PerBlock(bits.Values)),
        .. from bits in Products(8, 4) select (RotatedBlock(bits.Keys), RotatedBlock(bits.Values)),
        .. from bits in Products(8, 4, 3, 2) from g in groups where g <= 64 select (RotatedAffine(bits.Keys, g), RotatedAffine(bits.Values, g)),
        .. from bits in Products(4, 3, 2, 1) select (RotatedNormal(bits.Keys), RotatedNormal(bits.Values)),
        // Keys lose least per channel and values rotated.
        .. from bits in Products(4, 3, 2, 1) select (PerChannel(bits.Keys, 64), RotatedNormal(bits.Values)),
    ];

    private static PerChannelFormat PerChannel(int bits, int group) => new() { Bits = bits, Group = group };

    private static PerTokenFormat PerToken(int bits, int group) => new() { Bits = bits, Group = group };

    private static PerBlockFormat PerBlock(int bits) => new() { Bits = bits };

    private static RotatedBlockFormat RotatedBlock(int bits) => new() { Bits = bits };

    private static RotatedAffineFormat RotatedAffine(int bits, int group) => new() { Bits = bits, Group = group };

    private static RotatedNormalFormat RotatedNormal(int bits) => new() { Bits = bits };

    private static CodedKeys CodedKeys(int bits) => new(RotatedNormal(bits));

    private static CodedKeys CodedKeysPerChannel(int bits) => new(PerChannel(bits, 64));

    private static (int Keys, int Values)[] Pairs(params (int Keys, int Values)[] pairs) => pairs;

    private static IEnumerable<(int Keys, int Values)> Products(params int[] bits) => from keys in bits from values in bits select (keys, values);

    private static IEnumerable<int> PowersOfTwo(int least, int most)
    {
        for (int power = least; power <= most; power *= 2)
            yield return power;
    }
}
