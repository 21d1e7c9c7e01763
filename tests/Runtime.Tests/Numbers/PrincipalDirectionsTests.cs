using FsCheck.Xunit;
using TailorKV.Runtime.Numbers;

namespace TailorKV.Runtime.Tests.Numbers;

public class PrincipalDirectionsTests
{
    /// <summary>Directions are orthonormal and sorted, and moments times a direction are the direction times its variance: of few rows too, which leave most directions without any.</summary>
    [Property(MaxTest = 200)]
    public void Are_eigenvectors_of_the_moments(Pick length, Pick count, bool grow, RandomData data)
    {
        int dimension = length.Of(1, 2, 3, 6, 16, 24, 64, 80);
        float[][] rows = data.Rows(1 + count.Of(2 * dimension), dimension, 1);
        // Of very unlike sizes, as values' channels are.
        if (grow)
            rows = [.. rows.Select(row => row.Select((x, i) => x * MathF.ScaleB(1, i % 7)).ToArray())];
        double[] moments = Moments(rows, dimension);
        var found = PrincipalDirections.Of([.. moments], dimension);
        double trace = Enumerable.Range(0, dimension).Sum(i => moments[(i * dimension) + i]), tolerance = 1e-6 * (trace + 1e-30);
        Assert.Equal(found.Variances.OrderDescending(), found.Variances);
        Assert.Equal(trace, found.Variances.Sum(x => (double)x), tolerance);
        for (int i = 0; i < dimension; i++)
        {
            float[] direction = Direction(found, i);
            for (int j = 0; j <= i; j++)
                Assert.Equal(i == j ? 1 : 0, Dot(direction, Direction(found, j)), 1e-6);
            for (int row = 0; row < dimension; row++)
                Assert.Equal((double)found.Variances[i] * direction[row], Dot([.. moments.AsSpan(row * dimension, dimension).ToArray().Select(x => (float)x)], direction), tolerance);
        }
    }

    /// <summary>Where channels have nothing in common they are the directions.</summary>
    [Fact]
    public void Are_the_channels_where_moments_are_diagonal()
    {
        var found = PrincipalDirections.Of([2, 0, 0, 0, 5, 0, 0, 0, 3], 3);
        Assert.Equal([5, 3, 2], found.Variances);
        Assert.Equal([0, 1, 0, 0, 0, 1, 1, 0, 0], found.Directions.ToArray());
    }

    [Fact]
    public void Are_directions_where_there_are_no_moments()
    {
        var found = PrincipalDirections.Of(new double[16], 4);
        Assert.Equal([0, 0, 0, 0], found.Variances);
        Assert.All(Enumerable.Range(0, 4), i => Assert.Equal(1, Dot(Direction(found, i), Direction(found, i)), 1e-12));
    }

    private static double[] Moments(float[][] rows, int dimension)
    {
        var moments = new double[dimension * dimension];
        for (int i = 0; i < dimension; i++)
        {
            for (int j = 0; j < dimension; j++)
                moments[(i * dimension) + j] = rows.Average(row => (double)row[i] * row[j]);
        }

        return moments;
    }

    private static float[] Direction(PrincipalDirections found, int index) => found.Directions.Slice(index * found.Variances.Count, found.Variances.Count).ToArray();

    private static double Dot(float[] a, float[] b) => a.Select((x, i) => (double)x * b[i]).Sum();
}
