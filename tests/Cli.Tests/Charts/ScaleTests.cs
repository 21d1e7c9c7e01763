using TailorKV.Cli.Charts;

namespace TailorKV.Cli.Tests.Charts;

public class ScaleTests
{
    private static readonly Axis Linear = new("x");
    private static readonly Axis Logarithmic = new("x") { Logarithmic = true };

    [Theory]
    [InlineData(0, 10, "0 2 4 6 8 10")]
    [InlineData(0, 1, "0 0.2 0.4 0.6 0.8 1")]
    [InlineData(-3, 4, "-4 -2 0 2 4")]
    [InlineData(0.00011, 0.00052, "0.0001 0.0002 0.0003 0.0004 0.0005 0.0006")]
    [InlineData(1e9, 6e9, "1e+9 2e+9 3e+9 4e+9 5e+9 6e+9")]
    [InlineData(7, 7, "6 6.5 7 7.5 8")]
    public void Linear_ticks_are_round_and_span_the_values(double least, double most, string ticks) =>
        Assert.Equal(ticks, Labels(new Scale(Linear, [least, most], 5)));

    [Theory]
    [InlineData(2.2e-5, 0.4, "1e-5 0.0001 0.001 0.01 0.1 1")]
    [InlineData(0.001, 1, "0.001 0.01 0.1 1")]
    [InlineData(3, 30, "1 2 5 10 20 50 100")]
    [InlineData(10, 10, "10 20 50 100")]
    [InlineData(1e-9, 1e3, "1e-9 1e-6 0.001 1 1000")]
    public void Logarithmic_ticks_are_powers_of_ten(double least, double most, string ticks) =>
        Assert.Equal(ticks, Labels(new Scale(Logarithmic, [least, most], 5)));

    [Fact]
    public void Equal_factors_are_equal_distances()
    {
        var scale = new Scale(Logarithmic, [1e-4, 1], 5);
        Assert.Equal(0, scale.Position(1e-4), 1e-12);
        Assert.Equal(0.25, scale.Position(1e-3), 1e-12);
        Assert.Equal(0.75, scale.Position(0.1), 1e-12);
        Assert.Equal(1, scale.Position(1), 1e-12);
    }

    [Fact]
    public void What_has_no_logarithm_lies_on_the_lower_end()
    {
        var scale = new Scale(Logarithmic, [0, -1, 0.01, 1], 5);
        Assert.Equal("0.01 0.02 0.05 0.1 0.2 0.5 1", Labels(scale));
        Assert.Equal(0, scale.Position(0));
        Assert.Equal(0, scale.Position(-1));
    }

    [Fact]
    public void A_logarithmic_axis_ends_where_it_is_told_to()
    {
        var scale = new Scale(Logarithmic with { Unit = 1024, Suffix = "k", From = 1024, To = 32 * 1024 }, [1024, 8192], 8);
        Assert.Equal("1k 2k 5k 10k 20k", Labels(scale));
        Assert.Equal(0, scale.Position(1024), 1e-12);
        Assert.Equal(0.6, scale.Position(8192), 1e-12);
        Assert.Equal(1, scale.Position(32768), 1e-12);
    }

    [Fact]
    public void Bytes_have_ticks_in_their_unit_from_0()
    {
        var scale = new Scale(Axis.Bytes("memory", 5L << 20), [3 << 20, 5L << 20], 5);
        Assert.Equal("0 MiB 1 MiB 2 MiB 3 MiB 4 MiB 5 MiB", Labels(scale));
        Assert.Equal(0.6, scale.Position(3 << 20), 1e-12);
        Assert.Equal((0, 5L << 20), scale.Range);
    }

    [Fact]
    public void Counts_have_whole_ticks_in_the_middle_of_their_cells()
    {
        var scale = new Scale(Axis.Counts("layer", 0, 2), [0, 2], 20);
        Assert.Equal("0 1 2", Labels(scale));
        Assert.Equal(1.0 / 6, scale.Position(0), 1e-12);
    }

    [Theory]
    [InlineData(false, "0 0.2 0.4 0.6 0.8 1")]
    [InlineData(true, "0.1 0.2 0.5 1")]
    public void Without_values_there_are_ticks_all_the_same(bool logarithmic, string ticks) =>
        Assert.Equal(ticks, Labels(new Scale(Linear with { Logarithmic = logarithmic }, [double.NaN, double.PositiveInfinity], 5)));

    private static string Labels(Scale scale) => string.Join(" ", scale.Ticks.Select(tick => tick.Label));
}
