using System.Text;
using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Tests.Backends.Cpu.Cache;
using TailorKV.Runtime.Tests.Models;
using TailorKV.Runtime.Tests.Sessions;
using TailorKV.Testing;

[assembly: Properties(Arbitrary = [typeof(TailorKV.Runtime.Tests.Cases)])]

namespace TailorKV.Runtime.Tests;

/// <summary>What properties of this project take as parameters besides FsCheck's own types, each with its shrinking.</summary>
public static class Cases
{
    public static Arbitrary<Few> Few() => Arb.From(
        Gen.Choose(1, Tests.Few.Most).Select(count => new Few(count)), few => Shrinking.Smaller(few, 1).Select(count => new Few(count)));

    public static Arbitrary<Many> Many() => Arb.From(
        Gen.Choose(1, Tests.Many.Most).Select(count => new Many(count)), many => Shrinking.Smaller(many, 1).Select(count => new Many(count)));

    /// <summary>Small numbers first, so that the one shown is the one picked where there are not many to pick from.</summary>
    public static Arbitrary<Pick> Pick() => Arb.From(
        Gen.Choose(0, Tests.Pick.Most).Select(value => new Pick(value)),
        pick => Enumerable.Range(0, Math.Min(pick.Value, Tests.Many.Most)).Concat(Shrinking.Smaller(pick.Value, 0)).Select(value => new Pick(value)));

    /// <summary>Of any plane, and often plain or one that tokenizers treat in a way of its own.</summary>
    public static Arbitrary<Rune> Rune() => Arb.From(
        Gen.OneOf(Gen.Choose(0, 0x10FFFF).Where(System.Text.Rune.IsValid), Gen.Choose(0, 0x7F), Gen.Elements(' ', '\n', 0x1F600, 0x1D49C, 0x301)).Select(point => new Rune(point)),
        rune => Shrinking.Smaller(rune.Value, 'a').Where(System.Text.Rune.IsValid).Select(point => new Rune(point)));

    public static Arbitrary<CodeFormat> CodeFormat() => Arbitraries.CodeFormat();

    public static Arbitrary<TieredNormalFormat> TieredNormalFormat() => Arb.From(
        FormatGenerators.Tiered.Select(format => (TieredNormalFormat)format), format => FormatGenerators.Shrink(format).OfType<TieredNormalFormat>());

    public static Arbitrary<PrincipalNormalFormat> PrincipalNormalFormat() => Arb.From(
        FormatGenerators.Principal.Select(format => (PrincipalNormalFormat)format), format => FormatGenerators.Shrink(format).OfType<PrincipalNormalFormat>());

    public static Arbitrary<CacheCase> CacheCase() => Arb.From(Backends.Cpu.Cache.CacheCase.Any, Backends.Cpu.Cache.CacheCase.Shrink);

    public static Arbitrary<RandomCheckpoint> RandomCheckpoint() => Arb.From(Models.RandomCheckpoint.Any, Models.RandomCheckpoint.Shrink);

    public static Arbitrary<TinyPolicies> TinyPolicies() => Arb.From(Sessions.TinyPolicies.Any, Sessions.TinyPolicies.Shrink);

    /// <summary>Coarser numbers first, of an earlier seed then.</summary>
    public static Arbitrary<RandomData> RandomData() => Arb.From(
        Gen.Choose(0, int.MaxValue / 16).Select(seed => new RandomData(seed, Tests.RandomData.FinestBits)),
        data => Shrinking.Smaller(data.Bits, 0).Select(bits => data with { Bits = bits }).Concat(Shrinking.Smaller(data.Seed, 0).Select(seed => data with { Seed = seed })));
}
