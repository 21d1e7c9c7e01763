using FsCheck;
using FsCheck.Fluent;
using TailorKV.Planner.Policies.Codes;

namespace TailorKV.Testing;

/// <summary>Formats of codes, of every kind and width.</summary>
public static class FormatGenerators
{
    /// <summary>A scale and a zero for each channel of a group of tokens.</summary>
    public static Gen<CodeFormat> PerChannel { get; } = PerChannelOf(1, 2, 3, 4, 8);

    /// <summary>A scale and a zero for each group of a token's elements.</summary>
    public static Gen<CodeFormat> PerToken { get; } =
        from bits in Gen.Elements(1, 2, 3, 4, 8)
        from size in Gen.Elements(32, 64, 128)
        select (CodeFormat)new PerTokenFormat { Bits = bits, Group = size };

    /// <summary>A scale for each block of a token's elements.</summary>
    public static Gen<CodeFormat> PerBlock { get; } = Gen.Elements(4, 8).Select(CodeFormat (bits) => new PerBlockFormat { Bits = bits });

    /// <summary>Codes of turned rows.</summary>
    public static Gen<CodeFormat> Rotated { get; } = Gen.OneOf(
        from bits in Gen.Elements(2, 3, 4, 8)
        from size in Gen.Elements(32, 64)
        select (CodeFormat)new RotatedAffineFormat { Bits = bits, Group = size },
        Gen.Elements(4, 8).Select(CodeFormat (bits) => new RotatedBlockFormat { Bits = bits }),
        Gen.Choose(1, 4).Select(CodeFormat (bits) => new RotatedNormalFormat { Bits = bits }));

    /// <summary>Codes of keys in tiers, often with tiers that have no bits and such as have the most.</summary>
    public static Gen<CodeFormat> Tiered { get; } = Tiers.Select(CodeFormat (bits) => new TieredNormalFormat { Tiers = bits });

    /// <summary>Codes of values along their principal directions, likewise.</summary>
    public static Gen<CodeFormat> Principal { get; } = Tiers.Select(CodeFormat (bits) => new PrincipalNormalFormat { Tiers = bits });

    /// <summary>A format of any kind that keys and values may both have.</summary>
    public static Gen<CodeFormat> Any { get; } = Gen.Frequency((1, PerChannel), (1, PerToken), (1, PerBlock), (3, Rotated));

    /// <summary>What keys and values of a layer are coded in, by what sets the pairs apart.</summary>
    internal static IReadOnlyList<(string Name, Gen<(CodeFormat Keys, CodeFormat Values)> Pairs)> KeysAndValues { get; } =
        [("keys per channel", Pair(PerChannel, PerToken)), ("keys per token", Pair(PerToken, PerToken)), ("per block", Pair(PerBlock, PerBlock)), ("rotated", Pair(Rotated, Rotated)), ("keys in tiers", Pair(Tiered, Rotated)),
            ("values along principal directions", Pair(Gen.OneOf(Tiered, Rotated, PerChannel), Principal))];

    /// <summary>What rows on the host are coded in: nothing as often as something.</summary>
    internal static Gen<CodeFormat?> HostRows { get; } = Gen.Elements<CodeFormat?>(null, null, new RotatedBlockFormat { Bits = 8 }, new RotatedBlockFormat { Bits = 4 });

    /// <summary>Simpler ways for rows on the host: exact ones, and those of fewer bits.</summary>
    internal static IEnumerable<CodeFormat?> ShrinkHostRows(CodeFormat? format) => format is null ? [] : [null, .. Shrink(format)];

    /// <summary>Simpler formats: of the same kind with fewer bits or smaller groups.</summary>
    /// <param name="format">The format to make simpler.</param>
    public static IEnumerable<CodeFormat> Shrink(CodeFormat format)
    {
        if (format is TieredFormat { Tiers: var tiers } tiered)
            return Enumerable.Range(0, tiers.Count).Where(tier => tiers[tier] > 0).Select(tier => tiered with { Tiers = [.. tiers.Select((bits, i) => i == tier ? bits - 1 : bits)] }).Where(simpler => simpler.Problem() is null);
        var one = (SingleWidthFormat)format;
        int[] groups = [.. new[] { 32, 64 }.Where(size => size < GroupOf(format))];
        return Enumerable.Range(1, one.Bits - 1).Select(CodeFormat (bits) => one with { Bits = bits }).Concat(groups.Select(size => WithGroup(format, size))).Where(simpler => simpler.Problem() is null);
    }

    internal static Gen<CodeFormat> PerChannelOf(params int[] bitWidths) =>
        from bits in Gen.Elements(bitWidths)
        from size in Gen.Elements(32, 64, 128)
        select (CodeFormat)new PerChannelFormat { Bits = bits, Group = size };

    private static Gen<int[]> Tiers =>
        from count in Gen.Elements(2, 4)
        from bits in Gen.Choose(0, TieredFormat.MostBits).ArrayOf(count)
        where bits.Any(tier => tier > 0)
        select bits;

    private static Gen<(CodeFormat Keys, CodeFormat Values)> Pair(Gen<CodeFormat> keys, Gen<CodeFormat> values) =>
        from k in keys
        from v in values
        select (k, v);

    private static int GroupOf(CodeFormat format) => format switch
    {
        PerChannelFormat one => one.Group,
        PerTokenFormat one => one.Group,
        RotatedAffineFormat one => one.Group,
        _ => 0,
    };

    private static CodeFormat WithGroup(CodeFormat format, int size) => format switch
    {
        PerChannelFormat one => one with { Group = size },
        PerTokenFormat one => one with { Group = size },
        RotatedAffineFormat one => one with { Group = size },
        _ => format,
    };
}
