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
        ("quantized, keys per channel", Quantized(FormatGenerators.PerChannel, FormatGenerators.PerToken)),
        ("quantized, keys per token", Quantized(FormatGenerators.PerToken, FormatGenerators.PerToken)),
        ("quantized, per block", Quantized(FormatGenerators.PerBlock, FormatGenerators.PerBlock)),
        ("quantized, rotated", Quantized(FormatGenerators.Rotated, FormatGenerators.Rotated)));

    private static Gen<LayerPolicy> Quantized(Gen<CodeFormat> keys, Gen<CodeFormat> values) => WindowGenerators.Around(
        from k in keys
        from v in values
        select (WindowedPolicy)new QuantizedPolicy { Keys = k, Values = v });

    private static IEnumerable<LayerPolicy> Simpler(QuantizedPolicy policy) =>
    [
        .. FormatGenerators.Shrink(policy.Keys).Select(keys => policy with { Keys = keys }),
        .. FormatGenerators.Shrink(policy.Values).Select(values => policy with { Values = values }),
        .. WindowGenerators.Simpler(policy),
    ];
}
