using FsCheck;
using FsCheck.Xunit;
using TailorKV.Runtime.Backends.Cpu.Panels;
using TailorKV.Runtime.Backends.Cpu.Products;
using TailorKV.Runtime.Formats;
using TailorKV.Runtime.Weights;

namespace TailorKV.Runtime.Tests.Backends.Cpu.Panels;

public sealed class PanelKernelTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public static IReadOnlyList<int> Widths { get; } = [.. new[] { 1, 8, 16 }.Where(lanes => lanes <= PanelKernel.Widest)];

    public void Dispose() => _folder.Dispose();

    [Property(MaxTest = 200)]
    public unsafe void Products_of_any_shape_are_one_chain_of_multiply_adds_at_every_width(
        Pick count, Many depth, Pick padding, Pick outputPadding, bool add, bool transposed, RandomData data)
    {
        int rows = 1 + count.Of(29), outputStride = Panel.Width + outputPadding.Of(5);
        int rowStride = transposed ? 1 : depth + padding.Of(5), depthStride = transposed ? rows + padding.Of(5) : 1;
        float[] a = data.Row((rows * rowStride) + (depth * depthStride)), panel = data.Row(depth * Panel.Width, 1);
        float[] before = data.Row(rows * outputStride, 2), expected = [.. before];
        for (int i = 0; i < rows; i++)
        {
            for (int j = 0; j < Panel.Width; j++)
            {
                float sum = add ? before[(i * outputStride) + j] : 0;
                for (int k = 0; k < depth; k++)
                    sum = MathF.FusedMultiplyAdd(a[(i * rowStride) + (k * depthStride)], panel[(k * Panel.Width) + j], sum);
                expected[(i * outputStride) + j] = sum;
            }
        }

        foreach (int lanes in Widths)
        {
            float[] output = [.. before];
            fixed (float* from = a, columns = panel, to = output)
                PanelKernel.Multiply(from, rowStride, depthStride, rows, columns, depth, to, outputStride, add, lanes);
            // To the bit; and what lies between the rows stays as it was.
            Assert.Equal(expected, output);
        }
    }

    [Property(MaxTest = 60)]
    public unsafe void Stored_weights_multiply_many_rows_however_they_are_divided_at_every_width(
        Many rows, Pick inputs, Pick vectors, Pick divided, RandomData data)
    {
        Random random = data.Random(2);
        int columns = inputs.Of(1, 7, 300, 768, 769, 1600), count = vectors.Of(4, 9, 64, 65, 200);
        float[] weights = data.Row(rows * columns), input = data.Row(count * columns, 1);
        float[] output = new float[count * rows], other = new float[count * rows];
        fixed (float* from = weights, x = input, to = output, too = other)
        {
            Run(new PanelProduct(WeightFormat.Of(WeightType.F32), (byte*)from, null, rows, columns, x, count, to, 2 + divided.Of(38), PanelKernel.Widest));
            foreach (int lanes in Widths)
            {
                other.AsSpan().Fill(float.NaN);
                Run(new PanelProduct(WeightFormat.Of(WeightType.F32), (byte*)from, null, rows, columns, x, count, too, 1, lanes));
                Assert.Equal(output, other);
            }
        }

        for (int sample = 0; sample < 50; sample++)
        {
            int i = random.Next(count), j = random.Next(rows);
            double[] products = [.. Enumerable.Range(0, columns).Select(k => (double)input[(i * columns) + k] * weights[(j * columns) + k])];
            double sum = products.Sum(), error = 1e-6 * products.Sum(Math.Abs);
            Assert.InRange(output[(i * rows) + j], sum - error, sum + error);
        }
    }

    [Fact]
    public void Products_allocate_nothing()
    {
        using MappedFile file = MappedFile.Open(_folder.Write("matrix", new byte[100 * 64 * sizeof(float)]));
        WeightMatrix matrix = new(new StoredTensor(file, "matrix", WeightType.F32, [100, 64], 0), TestThreads.Pool);
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
