using FsCheck.Xunit;
using TailorKV.Runtime.Architectures.Rotary;

namespace TailorKV.Runtime.Tests.Architectures.Rotary;

/// <summary>Frequencies of every scaling against the formulas of their papers in double precision, and against what the papers say of them.</summary>
public sealed class RotaryConfigTests
{
    private static readonly double[] Thetas = [500, 10000, 1e6, 5e6];
    private static readonly int[] Dimensions = [2, 4, 16, 36, 40, 72, 80, 96, 128, 256];

    [Property(MaxTest = 200)]
    public void Without_a_scaling_frequencies_fall_from_one_to_the_base(Pick theta, Pick dimensions, Many context)
    {
        RotaryConfig rotary = new(theta.Of(Thetas), dimensions.Of(Dimensions));
        AssertClose(Plain(rotary), rotary.Frequencies(context, null));
        Assert.Equal(1, rotary.AttentionFactor);
        float[] divisors = [.. Enumerable.Range(1, rotary.Dimensions / 2).Select(i => i * 0.75f)];
        AssertClose([.. Plain(rotary).Zip(divisors, (frequency, divisor) => frequency / divisor)], rotary.Frequencies(context, divisors));
    }

    [Property(MaxTest = 200)]
    public void Linear_scaling_divides_all_alike(Pick theta, Pick dimensions, Many context, Pick stretch)
    {
        RotaryConfig rotary = new(theta.Of(Thetas), dimensions.Of(Dimensions), new LinearScaling(stretch.Of(1.0, 2.5, 8)));
        AssertClose([.. Plain(rotary).Select(frequency => frequency / stretch.Of(1.0, 2.5, 8))], rotary.Frequencies(context, null));
    }

    [Property(MaxTest = 300)]
    public void Llama_3_keeps_what_turns_often_and_divides_what_turns_seldom(Pick theta, Pick dimensions, Many context, Pick stretch, Pick original)
    {
        Llama3Scaling scaling = new(stretch.Of(2.0, 8, 32), 1, 4, original.Of(64, 1000, 8192));
        RotaryConfig rotary = new(theta.Of(Thetas), dimensions.Of(Dimensions), scaling);
        AssertClose(
            [.. Plain(rotary).Select(frequency =>
            {
                double turns = scaling.OriginalContextLength * frequency / (2 * Math.PI), kept = Math.Clamp((turns - 1) / 3, 0, 1);
                return frequency * (kept + ((1 - kept) / scaling.Factor));
            })],
            rotary.Frequencies(context, null));
    }

    /// <summary>The pair that turns n times over the original context has the index at which original * theta^(-2i / d) = 2 pi n.</summary>
    [Property(MaxTest = 500)]
    public void Yarn_interpolates_between_the_pairs_of_many_and_few_turns(
        Pick theta, Pick dimensions, Many context, Pick stretch, Pick original, Pick fast, Pick slow, bool wholePairs)
    {
        double factor = stretch.Of(1.0, 4, 40), often = fast.Of(16.0, 32, 100), seldom = slow.Of(0.5, 1, 4);
        int length = original.Of(64, 1000, 32768);
        RotaryConfig rotary = new(theta.Of(Thetas), dimensions.Of(Dimensions), new YarnScaling(factor, length, 1.25, often, seldom, wholePairs));
        double first = PairOf(often), last = PairOf(seldom);
        (first, last) = wholePairs ? (Math.Floor(first), Math.Ceiling(last)) : (first, last);
        (first, last) = (Math.Max(0, first), Math.Min(rotary.Dimensions - 1, last));
        double[] plain = Plain(rotary);
        float[] frequencies = rotary.Frequencies(context, null);
        AssertClose(
            [.. plain.Select((frequency, i) =>
            {
                double divided = first == last ? (i > first ? 1 : 0) : Math.Clamp((i - first) / (last - first), 0, 1);
                return (frequency * (1 - divided)) + (frequency / factor * divided);
            })],
            frequencies);
        Assert.Equal(1.25f, rotary.AttentionFactor);
        for (int i = 0; i < plain.Length && !wholePairs && first < last; i++)
        {
            double turns = length * plain[i] / (2 * Math.PI);
            if (turns > often * 1.0001)
                Assert.InRange(frequencies[i] / plain[i], 0.99999, 1.00001);
            if (turns < seldom * 0.9999 && last < rotary.Dimensions - 1)
                Assert.InRange(frequencies[i] * factor / plain[i], 0.99999, 1.00001);
        }

        double PairOf(double turns) => Math.Log(length / (2 * Math.PI * turns), rotary.Theta) * rotary.Dimensions / 2;
    }

    /// <summary>Of the paper, with the weights that DeepSeek's models have besides.</summary>
    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(0.5, 1, 1)]
    [InlineData(4, 1, 1.1386294)]
    [InlineData(40, 0.707, 1.2608045)]
    public void Yarn_makes_attention_sharper_by_the_logarithm_of_its_factor(double factor, double weight, double expected) =>
        Assert.Equal(expected, YarnScaling.BestAttentionFactor(factor, weight), 6);

    [Property(MaxTest = 200)]
    public void LongRope_has_one_set_of_divisors_for_a_session(Pick theta, Pick dimensions, Pick original, Pick off, RandomData data)
    {
        int pairs = dimensions.Of(Dimensions) / 2, length = original.Of(64, 4096), context = Math.Max(1, length + off.Of(-63, 0, 1, 60000));
        double[] shorter = [.. data.Row(pairs, 1).Select(number => 1.5 + (double)number)], longer = [.. data.Row(pairs, 2).Select(number => 32 + (31.0 * number))];
        RotaryConfig rotary = new(theta.Of(Thetas), 2 * pairs, new LongRopeScaling(shorter, longer, length, 1.19));
        AssertClose([.. Plain(rotary).Zip(context > length ? longer : shorter, (frequency, divisor) => frequency / divisor)], rotary.Frequencies(context, null));
        Assert.Equal(1.19f, rotary.AttentionFactor);
    }

    /// <summary>That of Phi 3 with 128 Ki tokens is 1.19, as its first code had it.</summary>
    [Theory]
    [InlineData(32, 4096, 1.1902381)]
    [InlineData(1, 4096, 1)]
    [InlineData(8, 64, 1.2247449)]
    public void LongRope_makes_attention_sharper_by_the_logarithm_of_both_contexts(double factor, int original, double expected) =>
        Assert.Equal(expected, LongRopeScaling.UsualAttentionFactor(factor, original), 6);

    [Property(MaxTest = 200)]
    public void Dynamic_scaling_raises_the_base_with_the_session(Pick theta, Pick dimensions, Pick original, Pick times, Pick stretch)
    {
        double factor = stretch.Of(1.0, 2, 8);
        int wide = Math.Max(4, dimensions.Of(Dimensions)), length = original.Of(64, 4096), context = length * times.Of(1, 2, 7) / times.Of(2, 1);
        RotaryConfig rotary = new(theta.Of(Thetas), wide, new DynamicScaling(factor, length));
        double raised = rotary.Theta * Math.Pow((factor * Math.Max(context, length) / length) - (factor - 1), wide / (wide - 2.0));
        AssertClose(Plain(rotary with { Theta = raised }), rotary.Frequencies(context, null));
    }

    private static double[] Plain(RotaryConfig rotary) => [.. Enumerable.Range(0, rotary.Dimensions / 2).Select(i => Math.Pow(rotary.Theta, -2.0 * i / rotary.Dimensions))];

    private static void AssertClose(double[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
            Assert.InRange(actual[i], expected[i] * (1 - 4e-6), expected[i] * (1 + 4e-6));
    }
}
