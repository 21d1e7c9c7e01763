using FsCheck;
using FsCheck.Fluent;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;

namespace TailorKV.Testing;

/// <summary>Refined layers, with codes of every format.</summary>
internal static class RefinedGenerator
{
    public static KindGenerator Registration { get; } = KindGenerator.Of<RefinedPolicy>(
        RefinedPolicy.Registration,
        Simpler,
        ("refined, keys per channel", Refined(FormatGenerators.PerChannel, FormatGenerators.PerToken)),
        ("refined, keys per token", Refined(FormatGenerators.PerToken, FormatGenerators.PerToken)),
        ("refined, per block", Refined(FormatGenerators.PerBlock, FormatGenerators.PerBlock)),
        ("refined, rotated", Refined(FormatGenerators.Rotated, FormatGenerators.Rotated)));

    private static Gen<LayerPolicy> Refined(Gen<CodeFormat> keys, Gen<CodeFormat> values) => WindowGenerators.Around(
        from k in keys
        from v in values
        from topK in WindowGenerators.TopK
        select (WindowedPolicy)new RefinedPolicy { Keys = k, Values = v, TopK = topK });

    private static IEnumerable<LayerPolicy> Simpler(RefinedPolicy policy) =>
    [
        .. FormatGenerators.Shrink(policy.Keys).Select(keys => policy with { Keys = keys }),
        .. FormatGenerators.Shrink(policy.Values).Select(values => policy with { Values = values }),
        .. Shrinking.Smaller(policy.TopK, 1).Select(topK => policy with { TopK = topK }),
        .. WindowGenerators.Simpler(policy),
    ];
}
