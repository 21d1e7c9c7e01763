using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;
using TailorKV.Planner;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Tests.Backends.Cpu.Cache;
using TailorKV.Testing;

namespace TailorKV.Cuda.Tests.Cache;

/// <summary>Layer caches on the emulated card are the plain heads', in whatever order warps run.</summary>
public class LayerCacheTests
{
    /// <summary>Kernels are compiled for a shape, so cases are of a few.</summary>
    private static readonly LayerShape[] Shapes = [new(4, 2, 32, null), new(6, 2, 64, 37), new(5, 1, 6, null), new(3, 3, 80, null), new(8, 1, 128, null), new(9, 1, 16, 9)];

    private static readonly LayerShape[] QuantizedShapes = [new(4, 2, 32, null), new(3, 1, 64, null), new(7, 1, 6, null), new(6, 2, 80, null)];

    private static readonly CodeFormat[] ValueFormats =
    [
        new RotatedNormalFormat { Bits = 1 }, new RotatedNormalFormat { Bits = 2 }, new RotatedNormalFormat { Bits = 3 }, new RotatedNormalFormat { Bits = 4 }, new PerTokenFormat { Bits = 4, Group = 32 },
        new PerTokenFormat { Bits = 8, Group = 64 }, new RotatedAffineFormat { Bits = 3, Group = 32 }, new PerBlockFormat { Bits = 8 }, new RotatedBlockFormat { Bits = 4 },
    ];

    private static readonly CodeFormat[] KeyFormats =
    [
        .. ValueFormats, new PerChannelFormat { Bits = 2, Group = 32 }, new PerChannelFormat { Bits = 8, Group = 64 }, new PerChannelFormat { Bits = 3, Group = 32 },
        new TieredNormalFormat { Tiers = [4, 2, 1, 1] }, new TieredNormalFormat { Tiers = [5, 3, 2, 1] }, new TieredNormalFormat { Tiers = [3, 1, 0, 0] }, new TieredNormalFormat { Tiers = [0, 2] },
    ];

    /// <summary>Formats have tests of their own: a few of each sort do for what evicted layers do with their places.</summary>
    private static readonly (LayerShape Shape, CodeFormat? Keys, CodeFormat? Values, ExactPrecision Precision)[] EvictedKernels =
    [
        (QuantizedShapes[0], null, null, ExactPrecision.BFloat16), (QuantizedShapes[2], null, null, ExactPrecision.Float32),
        (QuantizedShapes[1], new RotatedNormalFormat { Bits = 3 }, new RotatedNormalFormat { Bits = 4 }, ExactPrecision.BFloat16),
        (QuantizedShapes[0], new PerChannelFormat { Bits = 2, Group = 32 }, new PerTokenFormat { Bits = 4, Group = 32 }, ExactPrecision.Float32),
        (QuantizedShapes[3], new TieredNormalFormat { Tiers = [4, 2, 1, 1] }, new RotatedNormalFormat { Bits = 2 }, ExactPrecision.BFloat16),
    ];

    private static Gen<(int Sinks, int Recent, int Generated)> Ends =>
        from sinks in Gen.Elements(0, 4)
        from recent in Gen.Elements(0, 5)
        from generated in Gen.Elements(0, 3)
        select (sinks, recent, generated);

    public static Arbitrary<CacheCase> Full() => Arb.From(
        from shape in Gen.Elements(Shapes)
        from policy in PolicyGenerators.OfKind("full", shape, 1)
        from one in Cases(policy, shape, 90, null, 5, 50)
        select one);

    [Property(MaxTest = 40)]
    public Property Full_layers_attend() => Prop.ForAll(Full(), Attends);

    [Property(MaxTest = 20)]
    public Property Full_layers_take_their_bytes() => Prop.ForAll(Full(), TakesItsBytes);

    /// <summary>Layers in codes of any format that there are kernels for.</summary>
    public static Arbitrary<CacheCase> Quantized() => Arb.From(
        from shape in Gen.Elements(QuantizedShapes)
        from keys in Gen.Elements(KeyFormats)
        from values in Gen.Elements(ValueFormats)
        from ends in Ends
        from precision in Gen.Elements(ExactPrecision.BFloat16, ExactPrecision.Float32)
        let policy = new QuantizedPolicy { Keys = keys, Values = values, Sinks = ends.Sinks, Recent = ends.Recent, Generated = ends.Generated, Precision = precision }
        from one in Cases(policy, shape, 40 + (2 * policy.BlockTokens), null, null, 5)
        select one);

    [Property(MaxTest = 60)]
    public Property Quantized_layers_attend() => Prop.ForAll(Quantized(), Attends);

    [Property(MaxTest = 30)]
    public Property Quantized_layers_take_their_bytes() => Prop.ForAll(Quantized(), TakesItsBytes);

    /// <summary>Layers of which a step chooses tokens.</summary>
    public static Arbitrary<CacheCase> Chosen() => Arb.From(
        from shape in Gen.Elements(QuantizedShapes)
        from keys in Gen.Elements(KeyFormats)
        from values in Gen.Elements([.. ValueFormats, .. ValueFormats.Select(_ => (CodeFormat?)null)])
        from ends in Ends
        from topK in Gen.Elements(1, 6, 100)
        from precision in Gen.Elements(ExactPrecision.BFloat16, ExactPrecision.Float32)
        let policy = values is null
            ? (WindowedPolicy)new RetrievedPolicy { Index = new CodedKeys(keys), TopK = topK, Sinks = ends.Sinks, Recent = ends.Recent, Generated = ends.Generated, Precision = precision }
            : new RefinedPolicy { Keys = keys, Values = values, TopK = topK, Sinks = ends.Sinks, Recent = ends.Recent, Generated = ends.Generated, Precision = precision }
        from one in Cases(policy, shape, 40 + (2 * policy.BlockTokens), null, null, 5)
        select one);

    [Property(MaxTest = 60)]
    public Property Layers_that_choose_attend() => Prop.ForAll(Chosen(), Attends);

    [Property(MaxTest = 30)]
    public Property Layers_that_choose_take_their_bytes() => Prop.ForAll(Chosen(), TakesItsBytes);

    /// <summary>Layers that keep some of a prompt's tokens, by every score, exactly and in codes.</summary>
    public static Arbitrary<CacheCase> Evicted() => Arb.From(
        from kept in Gen.Elements(EvictedKernels)
        let shape = kept.Shape
        let precision = kept.Precision
        from ends in Ends
        from score in Gen.Elements(Enum.GetValues<EvictionScore>())
        from share in Gen.Elements(0.1, 0.5, 1)
        let policy = new EvictedPolicy { Share = share, Score = score, Keys = kept.Keys, Values = kept.Values, Sinks = ends.Sinks, Recent = ends.Recent, Generated = ends.Generated, Precision = precision }
        from one in Cases(policy, shape, 40 + (3 * policy.BlockTokens), null, null, 5)
        select one);

    [Property(MaxTest = 60)]
    public Property Evicted_layers_attend() => Prop.ForAll(Evicted(), Attends);

    [Property(MaxTest = 30)]
    public Property Evicted_layers_take_their_bytes() => Prop.ForAll(Evicted(), TakesItsBytes);

    /// <summary>Several splits of a context, and the merge after them.</summary>
    [Fact]
    public void A_long_context_is_split_and_merged()
    {
        EmulatedCard.Require();
        ulong before = EmulatedCard.Launches("mergeSplits");
        (int compared, _) = CacheConformance.Attends(new CacheCase(new FullPolicy(), new LayerShape(2, 1, 32, null), 1200, 1190, Seed: 3) { RoundsQueries = false }, TestedCuda.Instance);
        Assert.Equal(20, compared);
        Assert.True(EmulatedCard.Launches("mergeSplits") >= before + 10);
    }

    [Fact]
    public void What_has_no_kernels_is_refused_by_name()
    {
        EmulatedCard.Require();
        RetrievedPolicy policy = new() { Index = new CriticalChannels(2), TopK = 4 };
        LayerShape layer = new(2, 1, 32, null);
        CacheBytes bytes = policy.Bytes(layer, 100);
        using DeviceArena device = EmulatedCard.Backend.TakeDevice("device", bytes.Device), staging = EmulatedCard.Backend.TakeDevice("staging", bytes.Staging);
        using Arena host = EmulatedCard.Backend.TakeHost("host", bytes.Host);
        TailorKVException exception = Assert.Throws<TailorKVException>(() => EmulatedCard.Backend.CreateCache(policy, layer, 100, device, host, staging));
        Assert.Contains(policy.Index.Describe(), exception.Message, StringComparison.Ordinal);
        Assert.Contains("coded keys", exception.Message, StringComparison.Ordinal);
    }

    private static Gen<CacheCase> Cases(LayerPolicy policy, LayerShape shape, int mostContext, params float?[] softCaps) =>
        from context in Gen.Choose(1, mostContext)
        from prompt in Gen.Choose(0, context)
        from seed in Gen.Choose(0, int.MaxValue - 1)
        from softCap in Gen.Elements(softCaps)
        select new CacheCase(policy, shape, context, prompt, seed) { SoftCap = softCap, RoundsQueries = false };

    private static void Attends(CacheCase one)
    {
        EmulatedCard.Require();
        EmulatedCard.Seed((ulong)one.Seed % 5);
        _ = CacheConformance.Attends(one, TestedCuda.Instance);
    }

    private static void TakesItsBytes(CacheCase one)
    {
        EmulatedCard.Require();
        CacheConformance.TakesItsBytes(one, TestedCuda.Instance);
    }
}
