using FsCheck;
using FsCheck.Fluent;
using TailorKV.Runtime.Weights;

namespace TailorKV.Runtime.Tests.Weights;

public sealed class MatrixKernelTests
{
    [Fact]
    public void Products_of_any_shape_agree_with_double_precision() =>
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(300), Prop.ForAll(Gen.Choose(0, int.MaxValue).ToArbitrary(), seed =>
        {
            Random random = new(seed);
            int aRows = random.Next(1, 14), bRows = random.Next(1, 14), columns = random.Next(1, 300);
            int aStride = columns + random.Next(5), bStride = columns + random.Next(5), outputStride = bRows + random.Next(5);
            float[] a = RandomNumbers(random, aRows * aStride), b = RandomNumbers(random, bRows * bStride);
            float[] output = new float[aRows * outputStride];
            Array.Fill(output, 77);
            double[] expected = Array.ConvertAll(output, value => (double)value);
            MatrixKernel.MultiplyTransposed(a, aRows, b, bRows, columns, aStride, bStride, output, outputStride);
            MatrixKernel.MultiplyTransposedPlain(a, aRows, b, bRows, columns, aStride, bStride, expected, outputStride);
            // The sum of the products' magnitudes is at most columns / 4; what lies between the rows stays as it was.
            for (int i = 0; i < output.Length; i++)
                Assert.InRange(output[i], expected[i] - 1e-7 * columns, expected[i] + 1e-7 * columns);
        }));

    [Fact]
    public void An_element_does_not_depend_on_the_rows_around_it()
    {
        Random random = new(3);
        const int rows = 9, columns = 77;
        float[] a = RandomNumbers(random, rows * columns), b = RandomNumbers(random, rows * columns);
        float[] all = new float[rows * rows];
        MatrixKernel.MultiplyTransposed(a, rows, b, rows, columns, columns, columns, all, rows);
        for (int i = 0; i < rows; i++)
        {
            for (int j = 0; j < rows; j++)
            {
                float[] one = new float[1];
                MatrixKernel.MultiplyTransposed(a.AsSpan(i * columns, columns), 1, b.AsSpan(j * columns, columns), 1, columns, columns, columns, one, 1);
                Assert.Equal(one[0], all[i * rows + j]);
            }
        }
    }

    [Fact]
    public void Products_allocate_nothing()
    {
        float[] a = new float[7 * 64], b = new float[11 * 64], output = new float[7 * 11];
        long before = GC.GetAllocatedBytesForCurrentThread();
        MatrixKernel.MultiplyTransposed(a, 7, b, 11, 64, 64, 64, output, 11);
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    [Theory]
    [InlineData(5, 4, 4)]
    [InlineData(6, 3, 4)]
    [InlineData(6, 4, 3)]
    public void Spans_must_hold_their_shape(int a, int b, int output) =>
        Assert.Throws<ArgumentException>(() => MatrixKernel.MultiplyTransposed(new float[a], 2, new float[b], 2, 2, 4, 2, new float[output], 2));

    internal static float[] RandomNumbers(Random random, int count)
    {
        float[] values = new float[count];
        for (int i = 0; i < count; i++)
            values[i] = (float)(random.NextDouble() - 0.5);
        return values;
    }
}
