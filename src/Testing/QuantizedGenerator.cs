using FsCheck;
using FsCheck.Fluent;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;

namespace TailorKV.Testing;

/// <summary>Quantized layers, with codes of every format.</summary>
internal static class QuantizedGenerator
{
    public static KindGenerator Registration { get; } = KindGenerator.Of<QuantizedPolicy>(
        QuantizedPolicy.Registration,
        Simpler,
        [.. FormatGenerators.KeysAndValues.Select(row => ($"quantized, {row.Name}", Quantized(row.Pairs)))]);

    private static Gen<LayerPolicy> Quantized(Gen<(CodeFormat Keys, CodeFormat Values)> pairs) => WindowGenerators.Around(
        from codes in pairs
        select (WindowedPolicy)new QuantizedPolicy { Keys = codes.Keys, Values = codes.Values });

    private static IEnumerable<LayerPolicy> Simpler(QuantizedPolicy policy) =>
    [
        .. FormatGenerators.Shrink(policy.Keys).Select(keys => policy with { Keys = keys }),
        .. FormatGenerators.Shrink(policy.Values).Select(values => policy with { Values = values }),
        .. WindowGenerators.Simpler(policy),
    ];
}
