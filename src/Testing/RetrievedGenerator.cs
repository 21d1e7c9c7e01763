using FsCheck;
using FsCheck.Fluent;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;

namespace TailorKV.Testing;

/// <summary>Retrieved layers, with every index, and exact and coded rows on the host.</summary>
internal static class RetrievedGenerator
{
    public static KindGenerator Registration { get; } = KindGenerator.Of<RetrievedPolicy>(
        RetrievedPolicy.Registration,
        Simpler,
        ("retrieved by codes", Retrieved(FormatGenerators.PerChannelOf(1, 2, 4).Select(KeyIndex (keys) => new CodedKeys(keys)))),
        ("retrieved by rotated codes", Retrieved(Gen.Choose(1, 2).Select(KeyIndex (bits) => new CodedKeys(new RotatedNormalFormat { Bits = bits })))),
        ("retrieved by tiers", Retrieved(FormatGenerators.Tiered.Select(KeyIndex (keys) => new CodedKeys(keys)))),
        ("retrieved by channels", Retrieved(Gen.Choose(1, 19).Select(KeyIndex (count) => new CriticalChannels(count)))));

    private static Gen<LayerPolicy> Retrieved(Gen<KeyIndex> indexes) => WindowGenerators.Around(
        from index in indexes
        from topK in WindowGenerators.TopK
        from rows in FormatGenerators.HostRows
        from tail in Gen.Elements(0.0, 0.25, 0.5, 1)
        select (WindowedPolicy)new RetrievedPolicy { TopK = topK, Index = index, HostRows = rows, TailWeight = tail });

    private static IEnumerable<LayerPolicy> Simpler(RetrievedPolicy policy) =>
    [
        .. Shrinking.Smaller(policy.TopK, 1).Select(topK => policy with { TopK = topK }),
        .. Simpler(policy.Index).Select(index => policy with { Index = index }),
        .. FormatGenerators.ShrinkHostRows(policy.HostRows).Select(rows => policy with { HostRows = rows }),
        .. policy.TailWeight > 0 ? [policy with { TailWeight = 0 }] : (LayerPolicy[])[],
        .. WindowGenerators.Simpler(policy),
    ];

    private static IEnumerable<KeyIndex> Simpler(KeyIndex index) => index switch
    {
        CodedKeys coded => FormatGenerators.Shrink(coded.Keys).Select(keys => new CodedKeys(keys)),
        CriticalChannels channels => Shrinking.Smaller(channels.Count, 1).Select(count => new CriticalChannels(count)),
        _ => [],
    };
}
