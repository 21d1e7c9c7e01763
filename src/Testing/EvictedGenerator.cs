using FsCheck;
using FsCheck.Fluent;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;

namespace TailorKV.Testing;

/// <summary>Evicted layers, by every score, exact and with codes of every format.</summary>
internal static class EvictedGenerator
{
    public static KindGenerator Registration { get; } = KindGenerator.Of<EvictedPolicy>(
        EvictedPolicy.Registration,
        Simpler,
        ("evicted, exact", Evicted(Gen.Constant(((CodeFormat?)null, (CodeFormat?)null)))),
        ("evicted, keys per channel", Evicted(Codes(FormatGenerators.PerChannel, FormatGenerators.PerToken))),
        ("evicted, rotated", Evicted(Codes(FormatGenerators.Rotated, FormatGenerators.Rotated))),
        ("evicted, keys in tiers", Evicted(Codes(FormatGenerators.Tiered, FormatGenerators.Rotated))),
        ("evicted, values along principal directions", Evicted(Codes(Gen.OneOf(FormatGenerators.Tiered, FormatGenerators.PerChannel), FormatGenerators.Principal))));

    private static Gen<(CodeFormat? Keys, CodeFormat? Values)> Codes(Gen<CodeFormat> keys, Gen<CodeFormat> values) =>
        from k in keys
        from v in values
        select ((CodeFormat?)k, (CodeFormat?)v);

    private static Gen<LayerPolicy> Evicted(Gen<(CodeFormat? Keys, CodeFormat? Values)> rows) => WindowGenerators.Around(
        from kept in rows
        from share in Gen.Elements(0.01, 0.125, 0.3, 0.5, 1)
        from score in Gen.Elements(Enum.GetValues<EvictionScore>())
        select (WindowedPolicy)new EvictedPolicy { Share = share, Score = score, Keys = kept.Keys, Values = kept.Values });

    private static IEnumerable<LayerPolicy> Simpler(EvictedPolicy policy) =>
    [
        .. policy.Keys is { } keys ? FormatGenerators.Shrink(keys).Select(simpler => policy with { Keys = simpler }) : [],
        .. policy.Values is { } values ? FormatGenerators.Shrink(values).Select(simpler => policy with { Values = simpler }) : [],
        .. policy.Score == EvictionScore.KeyNorm ? Array.Empty<LayerPolicy>() : [policy with { Score = EvictionScore.KeyNorm }],
        .. WindowGenerators.Simpler(policy),
    ];
}
