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
        ["quantized, keys per channel"] = Quantized(FormatGenerators.PerChannel, FormatGenerators.PerToken),
        ["quantized, keys per token"] = Quantized(FormatGenerators.PerToken, FormatGenerators.PerToken),
        ["quantized, per block"] = Quantized(FormatGenerators.PerBlock, FormatGenerators.PerBlock),
        ["quantized, rotated"] = Quantized(FormatGenerators.Rotated, FormatGenerators.Rotated),
        ["refined, keys per channel"] = Refined(FormatGenerators.PerChannel, FormatGenerators.PerToken),
        ["refined, keys per token"] = Refined(FormatGenerators.PerToken, FormatGenerators.PerToken),
        ["refined, per block"] = Refined(FormatGenerators.PerBlock, FormatGenerators.PerBlock),
        ["refined, rotated"] = Refined(FormatGenerators.Rotated, FormatGenerators.Rotated),
        ["retrieved by codes"] = Retrieved(FormatGenerators.PerChannelOf(1, 2, 4).Select(KeyIndex (keys) => new CodedKeys(keys))),
        ["retrieved by rotated codes"] = Retrieved(Gen.Choose(1, 2).Select(KeyIndex (bits) => new CodedKeys(new RotatedNormalFormat { Bits = bits }))),
        ["retrieved by channels"] = Retrieved(Gen.Choose(1, 19).Select(KeyIndex (count) => new CriticalChannels(count))),
    };

    /// <summary>The kinds of policies, by code format or index where these differ.</summary>
    public static IReadOnlyCollection<string> Kinds => Rows.Keys;

    private static Gen<ExactPrecision> Precision => Gen.Elements(ExactPrecision.BFloat16, ExactPrecision.Float32);

    private static Gen<int> TopK => Gen.Elements(1, 2, 7, 32, 1000);

    /// <summary>A policy of one kind that a layer allows.</summary>
    /// <param name="kind">One of <see cref="Kinds"/>. A layer with a sliding window allows "full" alone, and layer 0 no "retrieved by channels"; both are waited for in vain.</param>
    /// <param name="layer">The layer's shape.</param>
    /// <param name="layerIndex">The layer, from 0.</param>
    public static Gen<LayerPolicy> OfKind(string kind, LayerShape layer, int layerIndex) => Rows[kind].Where(policy => policy.Problem(layer, layerIndex) is null);

    /// <summary>A policy of any kind that a layer allows.</summary>
    /// <param name="layer">The layer's shape.</param>
    /// <param name="layerIndex">The layer, from 0.</param>
    public static Gen<LayerPolicy> Any(LayerShape layer, int layerIndex) => Gen.OneOf(Rows.Values).Where(policy => policy.Problem(layer, layerIndex) is null);

    /// <summary>Simpler policies of the same kind that a layer allows: with fewer tokens, bits or channels, or with f32 for exact rows.</summary>
    /// <param name="policy">The policy to make simpler.</param>
    /// <param name="layer">The layer's shape.</param>
    /// <param name="layerIndex">The layer, from 0.</param>
    public static IEnumerable<LayerPolicy> Shrink(LayerPolicy policy, LayerShape layer, int layerIndex) =>
        Simpler(policy).Where(simpler => simpler.Problem(layer, layerIndex) is null);

    private static IEnumerable<LayerPolicy> Simpler(LayerPolicy policy) => policy switch
    {
        FullPolicy { Precision: ExactPrecision.BFloat16 } => [new FullPolicy(ExactPrecision.Float32)],
        WindowedPolicy windowed => [.. Middle(windowed), .. Window(windowed)],
        _ => [],
    };

    private static IEnumerable<WindowedPolicy> Middle(WindowedPolicy policy) => policy switch
    {
        QuantizedPolicy coded =>
            [.. FormatGenerators.Shrink(coded.Keys).Select(keys => coded with { Keys = keys }), .. FormatGenerators.Shrink(coded.Values).Select(values => coded with { Values = values })],
        RefinedPolicy refined =>
        [
            .. FormatGenerators.Shrink(refined.Keys).Select(keys => refined with { Keys = keys }),
            .. FormatGenerators.Shrink(refined.Values).Select(values => refined with { Values = values }),
            .. Shrinking.Smaller(refined.TopK, 1).Select(topK => refined with { TopK = topK }),
        ],
        RetrievedPolicy retrieved =>
            [.. Shrinking.Smaller(retrieved.TopK, 1).Select(topK => retrieved with { TopK = topK }), .. Index(retrieved.Index).Select(index => retrieved with { Index = index })],
        _ => [],
    };

    private static IEnumerable<KeyIndex> Index(KeyIndex index) => index switch
    {
        CodedKeys coded => FormatGenerators.Shrink(coded.Keys).Select(keys => new CodedKeys(keys)),
        CriticalChannels channels => Shrinking.Smaller(channels.Count, 1).Select(count => new CriticalChannels(count)),
        _ => [],
    };

    private static IEnumerable<WindowedPolicy> Window(WindowedPolicy policy) =>
    [
        .. Shrinking.Smaller(policy.Sinks, 0).Select(sinks => policy with { Sinks = sinks }),
        .. Shrinking.Smaller(policy.Recent, 0).Select(recent => policy with { Recent = recent }),
        .. Shrinking.Smaller(policy.Generated, 0).Select(generated => policy with { Generated = generated }),
        .. policy.Precision == ExactPrecision.BFloat16 ? [policy with { Precision = ExactPrecision.Float32 }] : Array.Empty<WindowedPolicy>(),
    ];

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
