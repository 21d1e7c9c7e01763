using FsCheck;
using FsCheck.Fluent;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;

namespace TailorKV.Testing;

/// <summary>Refined layers, with codes of every format, and exact and coded rows on the host.</summary>
internal static class RefinedGenerator
{
    public static KindGenerator Registration { get; } = KindGenerator.Of<RefinedPolicy>(
        RefinedPolicy.Registration,
        Simpler,
        [.. FormatGenerators.KeysAndValues.Select(row => ($"refined, {row.Name}", Refined(row.Pairs)))]);

    private static Gen<LayerPolicy> Refined(Gen<(CodeFormat Keys, CodeFormat Values)> pairs) => WindowGenerators.Around(
        from codes in pairs
        from topK in WindowGenerators.TopK
        from rows in FormatGenerators.HostRows
        select (WindowedPolicy)new RefinedPolicy { Keys = codes.Keys, Values = codes.Values, TopK = topK, HostRows = rows });

    private static IEnumerable<LayerPolicy> Simpler(RefinedPolicy policy) =>
    [
        .. FormatGenerators.Shrink(policy.Keys).Select(keys => policy with { Keys = keys }),
        .. FormatGenerators.Shrink(policy.Values).Select(values => policy with { Values = values }),
        .. Shrinking.Smaller(policy.TopK, 1).Select(topK => policy with { TopK = topK }),
        .. FormatGenerators.ShrinkHostRows(policy.HostRows).Select(rows => policy with { HostRows = rows }),
        .. WindowGenerators.Simpler(policy),
    ];
}
