using TailorKV.Runtime.Backends.Cpu.Cache.Codes;
using TailorKV.Runtime.Backends.Cpu.Cache.Packs;

namespace TailorKV.Runtime.Tests.Backends.Cpu.Cache;

public sealed class RotationTests
{
    [Theory]
    [InlineData(1, 127)]
    [InlineData(2, 127)]
    [InlineData(3, 26)]
    [InlineData(4, 127)]
    public void Normal_levels_are_those_of_the_density_to_the_nearest_unit(int bits, int units)
    {
        float[] levels = NormalLevels.Of(bits);
        Assert.Equal(1 << bits, levels.Length);
        double unit = PlainRotation.Levels(bits)[^1] / units;
        Assert.All(levels.Zip(PlainRotation.Levels(bits)), pair => Assert.Equal(pair.Second, pair.First, (unit / 2) + 3e-4));
    }

    /// <summary>What rounding levels to whole units adds to a unit normal's mean squared error.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void Levels_in_units_are_within_a_hundredth_of_the_best(int bits) =>
        Assert.InRange(SquaredError([.. NormalLevels.Of(bits).Select(level => (double)level)]), 0, 1.01 * SquaredError(PlainRotation.Levels(bits)));

    /// <summary>The published quantizers (Max 1960, table I): outer levels of 2, 4, 8 and 16.</summary>
    [Theory]
    [InlineData(1, 0.7979)]
    [InlineData(2, 1.510)]
    [InlineData(3, 2.152)]
    [InlineData(4, 2.733)]
    public void Outer_levels_are_the_published_ones(int bits, double outer) => Assert.Equal(outer, NormalLevels.Of(bits)[^1], 6e-4);

    [Theory]
    [InlineData(1)]
    [InlineData(6)]
    [InlineData(24)]
    [InlineData(64)]
    [InlineData(80)]
    [InlineData(96)]
    [InlineData(128)]
    public void Rotation_is_the_Hadamard_matrix_and_its_own_inverse(int length)
    {
        var random = new Random(length);
        float[] row = [.. Enumerable.Range(0, length).Select(_ => (float)random.NextDouble() - 0.5f)];
        float[] turned = [.. row];
        Hadamard.Rotate(turned, length);
        Assert.All(turned.Zip(PlainRotation.Rotate([.. row.Select(x => (double)x)])), pair => Assert.Equal(pair.Second, pair.First, 1e-5));
        Hadamard.Rotate(turned, length);
        Assert.All(turned.Zip(row), pair => Assert.Equal(pair.Second, pair.First, 1e-5));
    }

    private static double SquaredError(double[] levels)
    {
        const double step = 1e-3;
        double sum = 0;
        for (double x = -8; x < 8; x += step)
            sum += levels.Min(level => (x - level) * (x - level)) * Math.Exp(-x * x / 2) * step;
        return sum / Math.Sqrt(2 * Math.PI);
    }
}
