using System.Numerics.Tensors;
using FsCheck;
using FsCheck.Xunit;
using TailorKV.Planner;
using TailorKV.Runtime.Backends.Cpu.Products;
using TailorKV.Runtime.Backends.Cpu.Products.Interleaved;
using TailorKV.Runtime.Backends.Cpu.Threads;
using TailorKV.Runtime.Formats;
using TailorKV.Runtime.Tests.Backends.Cpu.Panels;
using TailorKV.Runtime.Weights;

namespace TailorKV.Runtime.Tests.Backends.Cpu.Products;

public sealed class WeightMatrixTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Property(MaxTest = 200)]
    public void Products_of_any_type_and_shape_agree_with_double_precision(WeightType type, Pick outputs, Many inputs, Few times, Pick vectors, RandomData data)
    {
        int block = WeightFormat.Of(type).BlockElements;
        int columns = block * (1 + (inputs * times / block)), rows = 1 + outputs.Of(39), count = 1 + vectors.Of(10);
        using MappedFile file = RandomMatrix(data.Random(), type, rows, columns, out WeightMatrix matrix);
        var stored = new StoredTensor(file, "matrix", type, [rows, columns], 0);
        float[] input = data.Row(count * columns, 1);
        float[] output = new float[count * rows];
        matrix.Multiply(input, count, output);
        float[] row = new float[columns];
        for (int i = 0; i < rows; i++)
        {
            stored.DecodeRow(i, row);
            for (int k = 0; k < count; k++)
            {
                ReadOnlySpan<float> numbers = input.AsSpan(k * columns, columns);
                (double sum, double magnitude) = (0, 0);
                for (int j = 0; j < columns; j++)
                {
                    sum += (double)row[j] * numbers[j];
                    magnitude += Math.Abs((double)row[j] * numbers[j]);
                }
                double tolerance = (1e-6 * magnitude) + (count > 3 || block == 1 ? 0 : Rounding(row, numbers));
                Assert.InRange(output[k * rows + i], sum - tolerance, sum + tolerance);
            }
        }
    }

    [Theory]
    [InlineData(WeightType.F32, 3, 1)]
    [InlineData(WeightType.BF16, 2, 1)]
    [InlineData(WeightType.Q4_1, 3, 2)]
    [InlineData(WeightType.F32, 7, 4)]
    [InlineData(WeightType.Q4_1, 7, 5)]
    public void Results_depend_neither_on_threads_nor_on_how_many_rows_come_together(WeightType type, int count, int fewer)
    {
        Random random = new(5);
        const int rows = 1000, columns = 1536;
        using MappedFile file = RandomMatrix(random, type, rows, columns, out WeightMatrix matrix);
        var tensor = new StoredTensor(file, "matrix", type, [rows, columns], 0);
        float[] input = PanelKernelTests.RandomNumbers(random, count * columns);
        float[] expected = new float[count * rows];
        matrix.Multiply(input, count, expected);
        foreach (int threads in (int[])[1, 2, 3, 7])
        {
            using WorkerPool pool = new(threads);
            float[] output = new float[count * rows];
            new WeightMatrix(tensor, pool).Multiply(input, count, output);
            Assert.Equal(expected, output);
        }
        for (int i = 0; i <= count - fewer; i++)
        {
            float[] output = new float[fewer * rows];
            matrix.Multiply(input.AsSpan(i * columns, fewer * columns), fewer, output);
            Assert.Equal(expected[(i * rows)..((i + fewer) * rows)], output);
        }
    }

    [Theory]
    [InlineData(1f)]
    [InlineData(1e-20f)]
    [InlineData(1e-36f)]
    [InlineData(0f)]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public unsafe void An_input_rounds_by_half_a_step(float factor)
    {
        float[] input = [.. PanelKernelTests.RandomNumbers(new Random(1), 128).Select((x, i) => i / 32 == 2 ? x * factor : x)];
        byte[] room = new byte[RoundedInput.Room(input.Length)];
        fixed (byte* roomStart = room)
        fixed (float* x = input)
        {
            var rounded = RoundedInput.Of(x, input.Length, roomStart);
            for (int i = 0; i < input.Length; i++)
            {
                float step = rounded.Steps[i / 32];
                Assert.Equal(i / 32 != 2 || float.IsFinite(factor), float.IsFinite(step));
                if (float.IsFinite(step))
                    Assert.InRange(Math.Abs(rounded.Numbers[i] * step - input[i]), 0, Math.Max(0.501f * step, 1e-30f));
            }

            Assert.Equal(input[..32].Sum(), rounded.Sums[0], 1e-5f);
        }
    }

    [Fact]
    public void Wrong_shapes_are_refused()
    {
        using MappedFile file = RandomMatrix(new Random(1), WeightType.F32, 4, 8, out WeightMatrix matrix);
        Assert.Throws<ArgumentException>(() => matrix.Multiply(new float[15], 2, new float[8]));
        Assert.Throws<ArgumentException>(() => matrix.Multiply(new float[16], 2, new float[7]));
        var stored = new StoredTensor(file, "matrix", WeightType.F32, [4, 8], 0);
        Assert.Throws<ArgumentOutOfRangeException>(() => stored.DecodeRow(4, new float[8]));
        Assert.Throws<ArgumentOutOfRangeException>(() => stored.DecodeRow(0, new float[7]));
        Assert.Throws<InvalidFileException>(() => new WeightMatrix(new StoredTensor(file, "vector", WeightType.F32, [32], 0), TestThreads.Pool));
        Assert.Throws<InvalidFileException>(() => new WeightMatrix(new StoredTensor(file, "empty", WeightType.F32, [0, 8], 0), TestThreads.Pool));
        Assert.Throws<InvalidFileException>(() => new StoredTensor(file, "long", WeightType.F32, [4, 8], 1));
    }

    [Fact]
    public void A_closed_matrix_is_not_read()
    {
        MappedFile file = RandomMatrix(new Random(1), WeightType.F32, 4, 8, out WeightMatrix matrix);
        file.Dispose();
        Assert.Throws<ObjectDisposedException>(() => matrix.Multiply(new float[8], 1, new float[4]));
    }

    /// <summary>Half a step for each number: of what its block's scale makes of codes, twice the largest weight at the most.</summary>
    private static double Rounding(ReadOnlySpan<float> weights, ReadOnlySpan<float> numbers)
    {
        double sum = 0;
        for (int group = 0; group < weights.Length; group += RoundedInput.Group)
        {
            double step = Math.Abs(TensorPrimitives.MaxMagnitude(numbers.Slice(group, RoundedInput.Group))) / (double)short.MaxValue;
            sum += RoundedInput.Group * Math.Abs(TensorPrimitives.MaxMagnitude(weights.Slice(group, RoundedInput.Group))) * step;
        }

        return sum;
    }

    private MappedFile RandomMatrix(Random random, WeightType type, int rows, int columns, out WeightMatrix matrix)
    {
        WeightFormat format = WeightFormat.Of(type);
        byte[] data = RandomBlocks(random, type, rows * columns / format.BlockElements);
        MappedFile file = MappedFile.Open(_folder.Write("matrix", data));
        matrix = new WeightMatrix(new StoredTensor(file, "matrix", type, [rows, columns], 0), TestThreads.Pool);
        return file;
    }

    internal static byte[] RandomBlocks(Random random, WeightType type, int blocks)
    {
        WeightFormat format = WeightFormat.Of(type);
        byte[] data = new byte[blocks * format.BlockBytes];
        random.NextBytes(data);
        // Any codes will do, but scales and plain numbers shall be finite and of like size.
        byte[] one = type switch
        {
            WeightType.F32 => [0x80, 0x3E],
            WeightType.BF16 or >= WeightType.I4_32 => [0x80, 0x3E],
            _ => [0x00, 0x34],
        };
        int[] places = type switch
        {
            WeightType.F32 => [2],
            WeightType.Q4_1 or WeightType.Q5_1 or WeightType.Q4_K or WeightType.Q5_K => [0, 2],
            WeightType.Q6_K => [208],
            >= WeightType.I4_32 => [2, 6],
            _ => [0],
        };
        for (int start = 0; start < data.Length; start += format.BlockBytes)
        {
            foreach (int place in places)
            {
                data[start + place] = (byte)(one[0] | random.Next(128));
                data[start + place + 1] = (byte)(one[1] | random.Next(2) << 7);
            }
        }
        return data;
    }
}
