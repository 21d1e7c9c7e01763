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
        [.. FormatGenerators.KeysAndValues.Select(row => ($"refined, {row.Name}", Refined(row.Pairs)))]);

    private static Gen<LayerPolicy> Refined(Gen<(CodeFormat Keys, CodeFormat Values)> pairs) => WindowGenerators.Around(
        from codes in pairs
        from topK in WindowGenerators.TopK
        select (WindowedPolicy)new RefinedPolicy { Keys = codes.Keys, Values = codes.Values, TopK = topK });

    private static IEnumerable<LayerPolicy> Simpler(RefinedPolicy policy) =>
    [
        .. FormatGenerators.Shrink(policy.Keys).Select(keys => policy with { Keys = keys }),
        .. FormatGenerators.Shrink(policy.Values).Select(values => policy with { Values = values }),
        .. Shrinking.Smaller(policy.TopK, 1).Select(topK => policy with { TopK = topK }),
        .. WindowGenerators.Simpler(policy),
    ];
}
