using TailorKV.Planner.Models;
using TailorKV.Planner.Policies.Codes;

namespace TailorKV.Planner.Policies;

/// <summary>The ways of keeping a layer that a profile measures and a plan chooses among.</summary>
public static class Catalogue
{
    /// <summary>What shows at a glance what a layer stands: the cache in full, keys and values coarse apart and together, tokens left out, and the two joined.</summary>
    public static IReadOnlyList<LayerPolicy> Diagnostic => [.. LayerPolicy.Kinds.SelectMany(kind => kind.Diagnostic)];

    /// <summary>Of each kind and format those that plans were found to be made of, with the full cache first.</summary>
    public static IReadOnlyList<LayerPolicy> Standard => [.. LayerPolicy.Kinds.SelectMany(kind => kind.Standard)];

    /// <summary>
    /// Every format at every pair of bits, with few and many exact tokens; every index and number of tokens retrieved; every pair of codes refined by few and by
    /// many exact rows; some of these with coded rows on the host. Some 3,300, which take hours to measure.
    /// </summary>
    public static IReadOnlyList<LayerPolicy> All => [.. LayerPolicy.Kinds.SelectMany(kind => kind.All)];

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

    /// <summary>Keys in tiers, and values in rotated codes of normal levels.</summary>
    /// <param name="keyBits">Bits of a key's code in each tier, the tier that counts most first.</param>
    /// <param name="valueBits">Bits of a value's code.</param>
    public static QuantizedPolicy InTiers(IReadOnlyList<int> keyBits, int valueBits) => new() { Keys = Tiers([.. keyBits]), Values = RotatedNormal(valueBits) };

    /// <summary>Keys in tiers, and values along their principal directions.</summary>
    /// <param name="keyBits">Bits of a key's code in each tier, the tier that counts most first.</param>
    /// <param name="valueBits">Bits of a value's code in each tier, the tier in which values are largest first.</param>
    public static QuantizedPolicy InTiers(IReadOnlyList<int> keyBits, IReadOnlyList<int> valueBits) => new() { Keys = Tiers([.. keyBits]), Values = Principal([.. valueBits]) };

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

    internal static IEnumerable<(CodeFormat Keys, CodeFormat Values)> CodePairs(params int[] groups) =>
    [
        .. from bits in Products(8, 4, 3, 2, 1) from g in groups select (PerChannel(bits.Keys, g), PerToken(bits.Values, g)),
        .. from bits in Products(8, 4, 3, 2, 1) from g in groups select (PerToken(bits.Keys, g), PerToken(bits.Values, g)),
        .. from bits in Products(8, 4) select (PerBlock(bits.Keys), PerBlock(bits.Values)),
        .. from bits in Products(8, 4) select (RotatedBlock(bits.Keys), RotatedBlock(bits.Values)),
        .. from bits in Products(8, 4, 3, 2) from g in groups where g <= 64 select (RotatedAffine(bits.Keys, g), RotatedAffine(bits.Values, g)),
        .. from bits in Products(4, 3, 2, 1) select (RotatedNormal(bits.Keys), RotatedNormal(bits.Values)),
        // Keys lose least per channel and values rotated.
        .. from bits in Products(4, 3, 2, 1) select (PerChannel(bits.Keys, 64), RotatedNormal(bits.Values)),
        .. from tiers in Patterns from values in (int[])[4, 3, 2, 1] select (tiers, RotatedNormal(values)),
        .. from tiers in Patterns from values in ValuePatterns select (tiers, values),
    ];

    /// <summary>Of all patterns of four tiers those that lost least at their mean bits (benchmarks/results/tiers.md).</summary>
    private static IEnumerable<TieredNormalFormat> Patterns =>
        new int[][] { [2, 0, 0, 0], [3, 0, 0, 0], [3, 1, 0, 0], [4, 2, 0, 0], [4, 2, 1, 1], [5, 2, 2, 1], [5, 3, 2, 1], [5, 4, 2, 2], [5, 4, 4, 2] }.Select(bits => Tiers(bits));

    /// <summary>Of principal directions those that lost least at their mean bits (benchmarks/results/values.md).</summary>
    private static IEnumerable<PrincipalNormalFormat> ValuePatterns => new int[][] { [2, 0], [2, 1], [3, 2, 2, 1] }.Select(bits => Principal(bits));

    /// <summary>What rows on the host may be coded in.</summary>
    internal static IReadOnlyList<CodeFormat> HostRowFormats => [RotatedBlock(8), RotatedBlock(4)];

    internal static PerChannelFormat PerChannel(int bits, int group) => new() { Bits = bits, Group = group };

    private static PerTokenFormat PerToken(int bits, int group) => new() { Bits = bits, Group = group };

    private static PerBlockFormat PerBlock(int bits) => new() { Bits = bits };

    private static RotatedBlockFormat RotatedBlock(int bits) => new() { Bits = bits };

    private static RotatedAffineFormat RotatedAffine(int bits, int group) => new() { Bits = bits, Group = group };

    internal static RotatedNormalFormat RotatedNormal(int bits) => new() { Bits = bits };

    internal static TieredNormalFormat Tiers(params int[] bits) => new() { Tiers = bits };

    internal static PrincipalNormalFormat Principal(params int[] bits) => new() { Tiers = bits };

    internal static CodedKeys CodedKeysInTiers(params int[] bits) => new(Tiers(bits));

    internal static CodedKeys CodedKeys(int bits) => new(RotatedNormal(bits));

    internal static CodedKeys CodedKeysPerChannel(int bits) => new(PerChannel(bits, 64));

    internal static (int Keys, int Values)[] Pairs(params (int Keys, int Values)[] pairs) => pairs;

    private static IEnumerable<(int Keys, int Values)> Products(params int[] bits) => from keys in bits from values in bits select (keys, values);

    internal static IEnumerable<int> PowersOfTwo(int least, int most)
    {
        for (int power = least; power <= most; power *= 2)
            yield return power;
    }
}
