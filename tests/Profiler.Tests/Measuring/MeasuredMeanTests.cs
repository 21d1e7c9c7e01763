using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;
using TailorKV.Profiler.Measuring;

namespace TailorKV.Profiler.Tests.Measuring;

public class MeasuredMeanTests
{
    /// <summary>Never free, never beyond what was expected and what was measured, and never by noise.</summary>
    [Property]
    public Property What_is_believed_lies_between_the_expected_and_the_measured(NormalFloat value, NonNegativeInt error, NonNegativeInt expected)
    {
        var mean = new MeasuredMean(value.Get, error.Get / 8.0);
        double expectedLoss = expected.Get / 8.0, believed = mean.ShrunkTowards(expectedLoss);
        double slack = 1e-9 * (1 + Math.Abs(value.Get));
        return (believed >= expectedLoss / 4 && believed >= Math.Min(expectedLoss, value.Get) - slack && believed <= Math.Max(expectedLoss, value.Get) + slack).ToProperty();
    }

    [Theory]
    [InlineData(3, 0, 2, 3)]
    [InlineData(3, 2, 2, 2.5)]
    [InlineData(-3, 0, 2, 0.5)]
    [InlineData(3, double.PositiveInfinity, 2, 2)]
    [InlineData(3, 1, 0, 0)]
    [InlineData(double.NaN, double.NaN, 2, 2)]
    public void The_surer_the_measurement_the_more_it_counts(double value, double error, double expected, double believed) =>
        Assert.Equal(believed, new MeasuredMean(value, error).ShrunkTowards(expected));

    [Fact]
    public void The_error_is_that_of_paired_differences()
    {
        // What both have in common, however large, is no noise.
        double[] first = [1001, 2003, 3005, 4007], second = [1000, 2000, 3000, 4000];
        MeasuredMean mean = MeasuredMean.OfDifferences(first, second);
        Assert.Equal(4, mean.Value);
        Assert.Equal(Math.Sqrt(20.0 / 3 / 4), mean.Error, 1e-12);
        Assert.Equal(double.PositiveInfinity, MeasuredMean.OfDifferences([1], [0]).Error);
    }
}
