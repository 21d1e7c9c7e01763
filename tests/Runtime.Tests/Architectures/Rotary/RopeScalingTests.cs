using FsCheck.Xunit;
using TailorKV.Runtime.Architectures.Rotary;

namespace TailorKV.Runtime.Tests.Architectures.Rotary;

/// <summary>Scaled frequencies against the papers' formulas and figures that follow from them for models as they are published.</summary>
public sealed class RopeScalingTests
{
    /// <summary>
    /// Qwen 2.5 with a factor of 4 on 32,768 tokens: a pair that turns 32 times over them would be number 23.6, one that turns once 39.7, so that 23 and below are kept and 40 and above divided.
    /// </summary>
    [Fact]
    public void Yarn_keeps_fast_pairs_and_divides_slow_ones()
    {
        float[] plain = new RotaryConfig(1e6, 128).Frequencies(131072, null), scaled = Qwen.Frequencies(131072, null);
        Assert.Equal(plain[..24], scaled[..24]);
        Assert.Equal(plain[40..].Select(frequency => frequency / 4), scaled[40..]);
        Assert.Equal(plain[31] * ((8 / 17.0 / 4) + (9 / 17.0)), scaled[31], plain[31] * 1e-6);
        Assert.Equal(1.138629436, Qwen.AttentionFactor, 1e-6);
        Assert.Equal(scaled, Qwen.Frequencies(64, null));
    }

    [Property]
    public void Yarn_divides_by_no_more_than_its_factor_and_slower_pairs_by_no_less(Many dimensions, Many factor, Many context, Few fast, bool wholePairs)
    {
        YarnScaling scaling = new(factor, context, 1, FastTurns: fast + 1, SlowTurns: 1, wholePairs);
        RotaryConfig plain = new(10000, 2 * dimensions), scaled = plain with { Scaling = scaling };
        double[] divisors = [.. plain.Frequencies(1, null).Zip(scaled.Frequencies(1, null), (before, after) => (double)before / after)];
        Assert.All(divisors, divisor => Assert.InRange(divisor, 1 - 1e-6, factor * (1 + 1e-6)));
        Assert.All(divisors.Zip(divisors.Skip(1)), pair => Assert.True(pair.Second >= pair.First * (1 - 1e-6)));
    }

    /// <summary>Phi 4 mini: its long factors count in sessions of more than 4,096 tokens, and the attention factor of 32 times as many in all.</summary>
    [Fact]
    public void LongRope_follows_the_context_of_the_session()
    {
        LongRopeScaling scaling = new([1, 1.5], [4, 8], 4096, LongRopeScaling.UsualAttentionFactor(32, 4096));
        RotaryConfig plain = new(10000, 4), scaled = plain with { Scaling = scaling };
        float[] frequencies = plain.Frequencies(1, null);
        Assert.Equal([frequencies[0], frequencies[1] / 1.5f], scaled.Frequencies(4096, null));
        Assert.Equal([frequencies[0] / 4, frequencies[1] / 8], scaled.Frequencies(4097, null));
        Assert.Equal(1.190238071, scaled.AttentionFactor, 1e-6);
        Assert.Equal(1, LongRopeScaling.UsualAttentionFactor(1, 4096));
    }

    [Property]
    public void Dynamic_scaling_grows_the_base_beyond_the_original_context(Many dimensions, Few factor, Many original, Many more)
    {
        RotaryConfig plain = new(10000, 2 * (dimensions + 1)), scaled = plain with { Scaling = new DynamicScaling(factor, original) };
        Assert.Equal(plain.Frequencies(original, null), scaled.Frequencies(original, null));
        double stretch = (factor * (double)(original + more) / original) - (factor - 1);
        RotaryConfig grown = plain with { Theta = 10000 * Math.Pow(stretch, plain.Dimensions / (plain.Dimensions - 2.0)) };
        Assert.All(grown.Frequencies(1, null).Zip(scaled.Frequencies(original + more, null)), pair => Assert.Equal(pair.First, pair.Second, pair.First * 1e-4));
    }

    private static RotaryConfig Qwen => new(1e6, 128, new YarnScaling(4, 32768, YarnScaling.BestAttentionFactor(4)));
}
