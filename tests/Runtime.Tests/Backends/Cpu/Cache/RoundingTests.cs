using FsCheck;
using FsCheck.Xunit;
using TailorKV.Runtime.Backends.Cpu.Kernels;
using TailorKV.Runtime.Numbers;

namespace TailorKV.Runtime.Tests.Backends.Cpu.Cache;

/// <summary>Numbers rounded for sums of products with levels.</summary>
public sealed class RoundingTests
{
    /// <summary>One factor of its own kind among others or, often, alone, so that nothing larger sets the step.</summary>
    [Property(MaxTest = 600)]
    public void Factors_round_by_half_a_step(Pick kind, bool alone, Many count, Few times, Pick place, bool scaled, Pick room, RandomData data)
    {
        float factor = kind.Of(1, 1e-20f, 1e-36f, 0, float.NaN, float.NegativeInfinity);
        int length = alone ? 1 : count * times;
        float[] numbers = data.Row(length), scales = data.Row(length, 1);
        numbers[place.Of(length)] = factor;
        // What is smaller may be taken for nothing.
        const double least = 1e-30;
        short[] rounded = new short[length];
        float step = RoundedFactors.Round(numbers, scaled ? scales : [], rounded, out int sum);
        Assert.Equal(float.IsFinite(factor), float.IsFinite(step));
        for (int i = 0; i < length && float.IsFinite(step); i++)
            Assert.InRange(Math.Abs((rounded[i] * step) - (numbers[i] * (scaled ? scales[i] : 1))), 0, Math.Max(0.51 * step, least));
        // What 32 bits must hold.
        Assert.InRange(rounded.Sum(number => Math.Abs((long)number)) * 128, 0, int.MaxValue);
        Assert.Equal(rounded.Sum(number => number), sum);
        Assert.Equal(sum, RoundedFactors.Sum(rounded));

        sbyte[] eight = new sbyte[length];
        int most = length + 10 + room.Of(33_000 - length - 10);
        step = RoundedFactors.Round(numbers, scaled ? scales : [], most, eight, out sum);
        Assert.Equal(float.IsFinite(factor), float.IsFinite(step));
        for (int i = 0; i < length && float.IsFinite(step); i++)
            Assert.InRange(Math.Abs((eight[i] * step) - (numbers[i] * (scaled ? scales[i] : 1))), 0, Math.Max(0.501 * step, least));
        Assert.InRange(eight.Sum(number => Math.Abs(number)), 0, most);
        Assert.Equal(eight.Sum(number => number), sum);
        Assert.Equal(sum, RoundedFactors.Sum(eight));
    }

    /// <summary>Whatever takes part, among it nothing, infinities and what is no number.</summary>
    [Property(MaxTest = 300)]
    public void Rows_of_weights_round_with_stored_scales(Many count, Few times, bool whole, Few n, Pick padding, bool zeroed, RandomData data)
    {
        Random random = data.Random(3);
        int length = whole ? 16 * ((count + 7) / 8) : 1 + (count * times % 512), stride = length + padding.Of(20), roundedStride = length + random.Next(20);
        Half[] halves = Halves(data.Row(length)), zeroHalves = zeroed ? Halves(data.Row(length, 1)) : [];
        float[] weights = data.Row(n * stride, 2), scales = new float[length], zeros = new float[zeroHalves.Length];
        weights[random.Next(weights.Length)] = new[] { 1e-36f, 0, 7, float.NaN, float.PositiveInfinity }[random.Next(5)];
        halves[random.Next(length)] = new[] { Half.Epsilon, (Half)0, Half.MaxValue, Half.NaN, Half.NegativeInfinity }[random.Next(5)];
        var stored = new StoredScales(halves, 0.3f, zeroHalves, 2, halves.All(Half.IsFinite));
        stored.ReadScales(scales);
        if (zeros.Length > 0)
            stored.ReadZeros(scales, zeros);
        var rounded = new short[n * roundedStride];
        float[] sizes = new float[n], ofZeros = new float[n];
        int[] sums = new int[n];
        float[] largest = [.. Enumerable.Range(0, n).Select(row => (1 + random.NextSingle()) * RoundedFactors.LargestMagnitude(weights.AsSpan(row * stride, length), []))];
        float most = random.Next(1_000, short.MaxValue);
        WeightRounding.Round(weights, stride, largest, stored, most, rounded, roundedStride, sizes, sums, ofZeros);
        for (int row = 0; row < n; row++)
        {
            ReadOnlySpan<float> one = weights.AsSpan(row * stride, length);
            ReadOnlySpan<short> of = rounded.AsSpan(row * roundedStride, length);
            float size = sizes[row], bound = largest[row] * RoundedFactors.LargestMagnitude(scales, []);
            Assert.Equal(float.IsFinite(bound), float.IsFinite(size));
            if (!float.IsFinite(size))
                continue;
            Assert.Equal(bound / most, size, 1e-6 * size);
            // What is smaller may be taken for nothing.
            const double least = 1e-30;
            for (int i = 0; i < length; i++)
                Assert.InRange(Math.Abs(((double)of[i] * size) - ((double)one[i] * scales[i])), 0, Math.Max(0.51 * size, least));
            Assert.Equal(RoundedFactors.Sum(of), sums[row]);
            double expected = 0;
            for (int i = 0; i < zeros.Length; i++)
                expected += (double)one[i] * zeros[i];
            Assert.Equal(expected, ofZeros[row], 1e-6 * Math.Max(100, Math.Abs(scales.Max(Math.Abs)) * 10));
        }
    }

    [Property(MaxTest = 600)]
    public void Queries_round_with_the_scales_of_each_group_and_meet_its_zeros(
        bool wide, Many count, bool whole, Pick some, Few n, Pick padding, Pick groupPadding, bool widest, RandomData data)
    {
        int numberBytes = wide ? 2 : 1, groups = 1 + some.Of(19), headDim = whole ? 16 * ((count + 15) / 16) : count;
        int stride = (headDim * numberBytes) + padding.Of(20), groupStride = (n * stride) + groupPadding.Of(20);
        float[] queries = [.. data.Row(n * headDim).Select(number => number * sbyte.MaxValue)];
        Half[] scales = Halves(data.Row(groups * headDim, 1)), zeros = Halves(data.Row(groups * headDim, 2));
        var factors = new byte[groups * groupStride];
        var dots = new float[groups * n];
        ScaledQueries.Round(scales, zeros, queries, headDim, factors, groupStride, stride, numberBytes, dots, widest ? VectorWidth.Widest : 1);
        for (int i = 0; i < groups * n * headDim; i++)
        {
            int group = i / headDim / n, query = i / headDim % n, channel = i % headDim, at = (group * groupStride) + (query * stride) + (channel * numberBytes);
            float product = queries[(query * headDim) + channel] * (float)scales[(group * headDim) + channel];
            Assert.Equal(MathF.Round(product), numberBytes == 1 ? (sbyte)factors[at] : BitConverter.ToInt16(factors, at));
        }

        for (int i = 0; i < dots.Length; i++)
        {
            int group = i / n, query = i % n;
            double expected = Enumerable.Range(0, headDim).Sum(channel => (double)queries[(query * headDim) + channel] * (double)zeros[(group * headDim) + channel]);
            Assert.Equal(expected, dots[i], 1e-3);
        }
    }

    private static Half[] Halves(float[] numbers) => [.. numbers.Select(number => (Half)number)];
}
