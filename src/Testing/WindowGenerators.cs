using FsCheck;
using FsCheck.Fluent;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;

namespace TailorKV.Testing;

/// <summary>What policies with sinks and a window have in common.</summary>
internal static class WindowGenerators
{
    /// <summary>How exact rows are stored.</summary>
    public static Gen<ExactPrecision> Precision { get; } = Gen.Elements(ExactPrecision.BFloat16, ExactPrecision.Float32);

    /// <summary>Numbers of tokens that are chosen: few, and more than there are.</summary>
    public static Gen<int> TopK { get; } = Gen.Elements(1, 2, 7, 32, 1000);

    /// <summary>Policies with sinks and windows of many sizes.</summary>
    /// <param name="policies">Their other options.</param>
    public static Gen<LayerPolicy> Around(Gen<WindowedPolicy> policies) =>
        from policy in policies
        from sinks in Gen.Choose(0, 9)
        from recent in Gen.Elements(0, 1, 31, 32, 64, 100)
        from generated in Gen.Elements(0, 0, 1, 16, 64)
        from precision in Precision
        select (LayerPolicy)(policy with { Sinks = sinks, Recent = recent, Generated = generated, Precision = precision });

    /// <summary>The same policy with fewer sinks or recent tokens, or with f32 for exact rows.</summary>
    /// <param name="policy">The policy to make simpler.</param>
    public static IEnumerable<WindowedPolicy> Simpler(WindowedPolicy policy) =>
    [
        .. Shrinking.Smaller(policy.Sinks, 0).Select(sinks => policy with { Sinks = sinks }),
        .. Shrinking.Smaller(policy.Recent, 0).Select(recent => policy with { Recent = recent }),
        .. Shrinking.Smaller(policy.Generated, 0).Select(generated => policy with { Generated = generated }),
        .. policy.Precision == ExactPrecision.BFloat16 ? [policy with { Precision = ExactPrecision.Float32 }] : Array.Empty<WindowedPolicy>(),
    ];
}
