using FsCheck;
using FsCheck.Fluent;
using TailorKV.Runtime.Formats;
using TailorKV.Runtime.Weights;
using TailorKV.Runtime.Weights.Panels;
using TailorKV.Testing;
using static TailorKV.Runtime.Tests.Property;

namespace TailorKV.Runtime.Tests.Weights.Panels;

public sealed class PanelKernelTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public static TheoryData<int> Widths => [.. new[] { 1, 8, 16 }.Where(lanes => lanes <= PanelKernel.Widest)];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Widths))]
    public unsafe void Products_of_any_shape_are_one_chain_of_multiply_adds(int lanes) => ForAll(200, random =>
    {
        int rows = random.Next(1, 30), depth = random.Next(1, 200), outputStride = Panel.Width + random.Next(5);
        bool add = random.Next(2) == 0, transposed = random.Next(2) == 0;
        int rowStride = transposed ? 1 : depth + random.Next(5), depthStride = transposed ? rows + random.Next(5) : 1;
        float[] a = RandomNumbers(random, (rows * rowStride) + (depth * depthStride)), panel = RandomNumbers(random, depth * Panel.Width);
        float[] output = RandomNumbers(random, rows * outputStride), expected = [.. output];
        for (int i = 0; i < rows; i++)
        {
            for (int j = 0; j < Panel.Width; j++)
            {
                float sum = add ? output[(i * outputStride) + j] : 0;
                for (int k = 0; k < depth; k++)
                    sum = MathF.FusedMultiplyAdd(a[(i * rowStride) + (k * depthStride)], panel[(k * Panel.Width) + j], sum);
                expected[(i * outputStride) + j] = sum;
            }
        }

        fixed (float* from = a, columns = panel, to = output)
            PanelKernel.Multiply(from, rowStride, depthStride, rows, columns, depth, to, outputStride, add, lanes);
        // To the bit; and what lies between the rows stays as it was.
        Assert.Equal(expected, output);
    });

    [Theory]
    [MemberData(nameof(Widths))]
    public unsafe void Stored_weights_multiply_many_rows_however_they_are_divided(int lanes) => ForAll(60, random =>
    {
        int rows = random.Next(1, 200), columns = Gen.Elements(1, 7, 300, 768, 769, 1600).Draw(random), count = Gen.Elements(4, 9, 64, 65, 200).Draw(random);
        float[] weights = RandomNumbers(random, rows * columns), input = RandomNumbers(random, count * columns);
        float[] output = new float[count * rows], other = new float[count * rows];
        fixed (float* from = weights, x = input, to = output, too = other)
        {
            Run(new PanelProduct(WeightFormat.Of(WeightType.F32), (byte*)from, null, rows, columns, x, count, to, 1, lanes));
            Run(new PanelProduct(WeightFormat.Of(WeightType.F32), (byte*)from, null, rows, columns, x, count, too, random.Next(2, 40), PanelKernel.Widest));
        }

        Assert.Equal(output, other);
        for (int sample = 0; sample < 50; sample++)
        {
            int i = random.Next(count), j = random.Next(rows);
            double[] products = [.. Enumerable.Range(0, columns).Select(k => (double)input[(i * columns) + k] * weights[(j * columns) + k])];
            double sum = products.Sum(), error = 1e-6 * products.Sum(Math.Abs);
            Assert.InRange(output[(i * rows) + j], sum - error, sum + error);
        }
    });

    [Fact]
    public void Products_allocate_nothing()
    {
        using MappedFile file = MappedFile.Open(_folder.Write("matrix", new byte[100 * 64 * sizeof(float)]));
        WeightMatrix matrix = new(new StoredTensor(file, "matrix", WeightType.F32, [100, 64], 0));
        float[] input = new float[9 * 64], output = new float[9 * 100];
        matrix.Multiply(input, 9, output);
        long before = GC.GetAllocatedBytesForCurrentThread();
        matrix.Multiply(input, 9, output);
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    internal static float[] RandomNumbers(Random random, int count)
    {
        float[] values = new float[count];
        for (int i = 0; i < count; i++)
            values[i] = (float)(random.NextDouble() - 0.5);
        return values;
    }

    private static void Run(PanelProduct product)
    {
        // Backwards, for parts may be done in any order.
        for (int part = product.Parts - 1; part >= 0; part--)
            product.Run(part);
    }
}
