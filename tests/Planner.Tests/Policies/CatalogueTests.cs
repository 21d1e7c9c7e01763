using TailorKV.Planner.Baselines;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;

namespace TailorKV.Planner.Tests.Policies;

public sealed class CatalogueTests
{
    private static readonly LayerShape Layer = new(32, 8, 128, null);

    [Fact]
    public void All_is_allowed_once_each_and_holds_the_standard_options()
    {
        Assert.Equal(Catalogue.All, Catalogue.Allowed(Catalogue.All, Layer, 1));
        Assert.Subset(Catalogue.All.ToHashSet(), Catalogue.Standard.ToHashSet());
        Assert.Equal(Catalogue.Standard, Catalogue.Allowed([.. Catalogue.Standard, .. Catalogue.Standard], Layer, 1));
    }

    [Fact]
    public void Layers_that_allow_less_get_less()
    {
        Assert.Equal(Catalogue.All.Where(policy => policy is not RetrievedPolicy { Index: CriticalChannels }), Catalogue.Allowed(Catalogue.All, Layer, 0));
        Assert.Equal([new FullPolicy()], Catalogue.Allowed(Catalogue.All, Layer with { SlidingWindow = 4096 }, 1));
    }

    /// <summary>Every pair of bits in every format, every index and every budget.</summary>
    [Fact]
    public void All_has_every_format_width_and_budget()
    {
        Assert.Equal(25 * 3 * 4, Quantized<PerChannelFormat, PerTokenFormat>());
        Assert.Equal(25 * 3 * 4, Quantized<PerTokenFormat, PerTokenFormat>());
        Assert.Equal(4 * 4, Quantized<PerBlockFormat, PerBlockFormat>());
        Assert.Equal(4 * 4, Quantized<RotatedBlockFormat, RotatedBlockFormat>());
        Assert.Equal(16 * 2 * 4, Quantized<RotatedAffineFormat, RotatedAffineFormat>());
        Assert.Equal(16 * 4, Quantized<RotatedNormalFormat, RotatedNormalFormat>());
        Assert.Equal(9 * 4 * 4, Quantized<TieredNormalFormat, RotatedNormalFormat>());
        Assert.Equal(9 * 3 * 4, Quantized<TieredNormalFormat, PrincipalNormalFormat>());
        var retrieved = Catalogue.All.OfType<RetrievedPolicy>().ToList();
        Assert.Equal([32, 64, 128, 256, 512, 1024, 2048, 4096, 8192], retrieved.Select(policy => policy.TopK).Distinct());
        Assert.Equal([4, 8, 12, 16], retrieved.Select(policy => policy.Index).OfType<CriticalChannels>().Select(index => index.Count).Distinct());
        Assert.Equal([1, 2, 4], retrieved.Select(policy => policy.Index).OfType<CodedKeys>().Select(index => index.Keys).OfType<PerChannelFormat>().Select(keys => keys.Bits).Distinct().Order());
        Assert.Equal([16, 32, 64, 128, 256, 512, 1024, 2048], Catalogue.All.OfType<RefinedPolicy>().Select(policy => policy.TopK).Distinct());

        static int Quantized<TKeys, TValues>() => Catalogue.All.OfType<QuantizedPolicy>().Count(policy => policy is { Keys: TKeys, Values: TValues });
    }

    [Fact]
    public void Every_option_of_the_baselines_is_one_that_a_layer_allows() =>
        Assert.Equal(BaselineCatalogue.Options, Catalogue.Allowed(BaselineCatalogue.Options, Layer, 1));
}
