using FsCheck;
using FsCheck.Fluent;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;

namespace TailorKV.Testing;

/// <summary>Policies of every kind, with parameters at and around every boundary. A new kind of policy is one more row.</summary>
public static class PolicyGenerators
{
    private static readonly Dictionary<string, Gen<LayerPolicy>> Rows = new(StringComparer.Ordinal)
    {
        ["full"] = Precision.Select(LayerPolicy (precision) => new FullPolicy(precision)),
        ["quantized, keys per channel"] = Quantized(PerChannel(1, 2, 3, 4, 8), PerToken),
        ["quantized, keys per token"] = Quantized(PerToken, PerToken),
        ["quantized, per block"] = Quantized(PerBlock, PerBlock),
        ["quantized, rotated"] = Quantized(Rotated, Rotated),
        ["refined, keys per channel"] = Refined(PerChannel(1, 2, 3, 4, 8), PerToken),
        ["refined, keys per token"] = Refined(PerToken, PerToken),
        ["refined, per block"] = Refined(PerBlock, PerBlock),
        ["refined, rotated"] = Refined(Rotated, Rotated),
        ["retrieved by codes"] = Retrieved(PerChannel(1, 2, 4).Select(KeyIndex (keys) => new CodedKeys(keys))),
        ["retrieved by rotated codes"] = Retrieved(Gen.Choose(1, 2).Select(KeyIndex (bits) => new CodedKeys(new RotatedNormalFormat { Bits = bits }))),
        ["retrieved by channels"] = Retrieved(Gen.Choose(1, 19).Select(KeyIndex (count) => new CriticalChannels(count))),
    };

    /// <summary>The kinds of policies, by code format or index where these differ.</summary>
    public static IReadOnlyCollection<string> Kinds => Rows.Keys;

    private static Gen<ExactPrecision> Precision => Gen.Elements(ExactPrecision.BFloat16, ExactPrecision.Float32);

    private static Gen<int> TopK => Gen.Elements(1, 2, 7, 32, 1000);

    private static Gen<CodeFormat> PerToken =>
        from bits in Gen.Elements(1, 2, 3, 4, 8)
        from size in Gen.Elements(32, 64, 128)
        select (CodeFormat)new PerTokenFormat { Bits = bits, Group = size };

    private static Gen<CodeFormat> PerBlock => Gen.Elements(4, 8).Select(CodeFormat (bits) => new PerBlockFormat { Bits = bits });

    private static Gen<CodeFormat> Rotated => Gen.OneOf(
        from bits in Gen.Elements(2, 3, 4, 8)
        from size in Gen.Elements(32, 64)
        select (CodeFormat)new RotatedAffineFormat { Bits = bits, Group = size },
        Gen.Elements(4, 8).Select(CodeFormat (bits) => new RotatedBlockFormat { Bits = bits }),
        Gen.Choose(1, 4).Select(CodeFormat (bits) => new RotatedNormalFormat { Bits = bits }));

    /// <summary>A policy of one kind that a layer allows.</summary>
    /// <param name="kind">One of <see cref="Kinds"/>. A layer with a sliding window allows "full" alone, and layer 0 no "retrieved by channels"; both are waited for in vain.</param>
    /// <param name="layer">The layer's shape.</param>
    /// <param name="layerIndex">The layer, from 0.</param>
    public static Gen<LayerPolicy> OfKind(string kind, LayerShape layer, int layerIndex) => Rows[kind].Where(policy => policy.Problem(layer, layerIndex) is null);

    /// <summary>A policy of any kind that a layer allows.</summary>
    /// <param name="layer">The layer's shape.</param>
    /// <param name="layerIndex">The layer, from 0.</param>
    public static Gen<LayerPolicy> Any(LayerShape layer, int layerIndex) => Gen.OneOf(Rows.Values).Where(policy => policy.Problem(layer, layerIndex) is null);

    private static Gen<CodeFormat> PerChannel(params int[] bitWidths) =>
        from bits in Gen.Elements(bitWidths)
        from size in Gen.Elements(32, 64, 128)
        select (CodeFormat)new PerChannelFormat { Bits = bits, Group = size };

    private static Gen<LayerPolicy> Quantized(Gen<CodeFormat> keys, Gen<CodeFormat> values) => Windowed(
        from k in keys
        from v in values
        select (WindowedPolicy)new QuantizedPolicy { Keys = k, Values = v });

    private static Gen<LayerPolicy> Refined(Gen<CodeFormat> keys, Gen<CodeFormat> values) => Windowed(
        from k in keys
        from v in values
        from topK in TopK
        select (WindowedPolicy)new RefinedPolicy { Keys = k, Values = v, TopK = topK });

    private static Gen<LayerPolicy> Retrieved(Gen<KeyIndex> indexes) => Windowed(
        from index in indexes
        from topK in TopK
        select (WindowedPolicy)new RetrievedPolicy { TopK = topK, Index = index });

    private static Gen<LayerPolicy> Windowed(Gen<WindowedPolicy> policies) =>
        from policy in policies
        from sinks in Gen.Choose(0, 9)
        from recent in Gen.Elements(0, 1, 31, 32, 64, 100)
        from generated in Gen.Elements(0, 0, 1, 16, 64)
        from precision in Precision
        select (LayerPolicy)(policy with { Sinks = sinks, Recent = recent, Generated = generated, Precision = precision });
}
