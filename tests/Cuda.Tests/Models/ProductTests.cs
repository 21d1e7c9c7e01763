using System.Runtime.InteropServices;
using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;
using TailorKV.Cuda.Memory;
using TailorKV.Cuda.Models;
using TailorKV.Runtime.Formats;
using TailorKV.Runtime.Tests;
using TailorKV.Runtime.Weights;

namespace TailorKV.Cuda.Tests.Models;

/// <summary>Products of matrices of every type as they are stored, and rows of embeddings, against double precision.</summary>
public sealed class ProductTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose()
    {
        EmulatedCard.Seed(0);
        _folder.Dispose();
    }

    [Property(MaxTest = 60)]
    public Property Products_of_any_type_and_shape_agree_with_double_precision() => Prop.ForAll(
        Arb.From(
            from type in Gen.Elements(Enum.GetValues<WeightType>())
            from rows in Gen.Choose(1, 21)
            from blocks in Gen.Choose(1, 3)
            from odd in Gen.Choose(1, 20)
            from count in Gen.Choose(1, 19)
            from seed in Gen.Choose(0, 9999)
            from added in Gen.Elements(0f, 0.5f)
            from bias in Gen.Elements(true, false)
            select (type, rows, columns: WeightFormat.Of(type).BlockElements == 1 ? 8 * odd : 256 * blocks, count, seed, added, bias)),
        one =>
        {
            EmulatedCard.Require();
            EmulatedCard.Seed((ulong)one.seed % 3);
            Random random = new(one.seed);
            using MappedFile file = MappedFile.Open(_folder.Write($"matrix{one.seed}", RandomBlocks(random, one.type, one.rows * one.columns)));
            StoredTensor stored = new(file, "matrix", one.type, [one.rows, one.columns], 0);
            CudaMatrix matrix = new(stored);
            Card card = EmulatedCard.Backend.Card;
            float[] input = Numbers(one.count * one.columns), bias = Numbers(one.rows), before = Numbers(one.count * one.rows), output = new float[one.count * one.rows];
            using CudaArena weights = new("weights", matrix.Bytes, card), inputs = new("inputs", 64L + (input.Length * sizeof(float)), card), outputs = new("outputs", 8L + ((output.Length + bias.Length + 32) * sizeof(float)), card);
            CudaTensor to = outputs.TakeTensor(output.Length), biases = outputs.TakeTensor(bias.Length), from = inputs.TakeTensor(input.Length);
            from.Write(input);
            to.Write(before);
            biases.Write(bias);
            using (card.Use())
            {
                matrix.Bring(weights.TakeBytes(matrix.Bytes), card.Stream);
                new Products(card, matrix.Format).Multiply(from.Address, one.count, one.added, (new CudaLinear(matrix, one.bias ? biases.Address : 0), to.Address));
            }

            to.Read(output);
            var row = new float[one.columns];
            for (int i = 0; i < one.rows; i++)
            {
                stored.DecodeRow(i, row);
                for (int k = 0; k < one.count; k++)
                {
                    (double sum, double magnitude) = (one.bias ? bias[i] : 0, 1e-3);
                    for (int j = 0; j < one.columns; j++)
                    {
                        double product = (double)row[j] * input[(k * one.columns) + j];
                        (sum, magnitude) = (sum + product, magnitude + Math.Abs(product));
                    }

                    double expected = one.added == 0 ? sum : before[(k * one.rows) + i] + (one.added * sum);
                    // What has no kernels of its own lies in bf16.
                    double tolerance = magnitude * (Kept(one.type) ? 2e-6 : 4e-3);
                    Assert.InRange(output[(k * one.rows) + i], expected - tolerance, expected + tolerance);
                }
            }

            float[] Numbers(int count) => [.. Enumerable.Range(0, count).Select(_ => (float)((2 * random.NextDouble()) - 1))];
        });

    [Theory]
    [InlineData(WeightType.F32)]
    [InlineData(WeightType.F16)]
    [InlineData(WeightType.BF16)]
    [InlineData(WeightType.Q8_0)]
    [InlineData(WeightType.Q4_0)]
    [InlineData(WeightType.Q4_1)]
    [InlineData(WeightType.Q4_K)]
    public void Embeds_rows_as_they_are_decoded(WeightType type)
    {
        EmulatedCard.Require();
        const int Rows = 9, Columns = 512;
        using MappedFile file = MappedFile.Open(_folder.Write("embedding", RandomBlocks(new Random(3), type, Rows * Columns)));
        StoredTensor stored = new(file, "embedding", type, [Rows, Columns], 0);
        CudaMatrix matrix = new(stored);
        Card card = EmulatedCard.Backend.Card;
        int[] tokens = [8, 0, 3, 3];
        using CudaArena arena = new("all", matrix.Bytes + (tokens.Length * Columns * sizeof(float)) + 64, card);
        CudaTensor hidden = arena.TakeTensor(tokens.Length * Columns);
        nint places = arena.TakeBytes(tokens.Length * sizeof(int));
        using (card.Use())
        {
            matrix.Bring(arena.TakeBytes(matrix.Bytes), card.Stream);
            card.Write(places, tokens);
            new Products(card, matrix.Format).Embed(matrix, places, tokens.Length, hidden.Address, scale: 2);
        }

        float[] actual = new float[hidden.Length], row = new float[Columns];
        hidden.Read(actual);
        for (int i = 0; i < tokens.Length; i++)
        {
            stored.DecodeRow(tokens[i], row);
            Assert.All(row.Zip(actual[(i * Columns)..]), pair => Assert.Equal(2 * pair.First, pair.Second, 1e-5f * (1 + Math.Abs(pair.First))));
        }
    }

    private static bool Kept(WeightType type) => type is not (WeightType.Q5_0 or WeightType.Q5_1 or WeightType.Q5_K or WeightType.Q6_K or >= WeightType.I4_32);

    /// <summary>Any codes will do, but scales and plain numbers are about one.</summary>
    private static byte[] RandomBlocks(Random random, WeightType type, int elements)
    {
        WeightFormat format = WeightFormat.Of(type);
        var data = new byte[format.ByteLength(elements)];
        random.NextBytes(data);
        if (type == WeightType.F32)
        {
            foreach (ref float number in MemoryMarshal.Cast<byte, float>(data.AsSpan()))
                number = (float)((2 * random.NextDouble()) - 1);
            return data;
        }

        if (type >= WeightType.I4_32)
        {
            // Two numbers in single precision, then codes.
            for (int block = 0; block < data.Length; block += format.BlockBytes)
            {
                foreach (ref float number in MemoryMarshal.Cast<byte, float>(data.AsSpan(block, 2 * sizeof(float))))
                    number = (float)((2 * random.NextDouble()) - 1);
            }

            return data;
        }

        int[] halves = type switch
        {
            WeightType.F16 or WeightType.BF16 => [0],
            WeightType.Q4_1 or WeightType.Q5_1 or WeightType.Q4_K or WeightType.Q5_K => [0, 2],
            WeightType.Q6_K => [208],
            _ => [0],
        };
        for (int block = 0; block < data.Length; block += format.BlockBytes)
        {
            foreach (int half in halves)
            {
                float number = (float)((2 * random.NextDouble()) - 1);
                if (type == WeightType.BF16)
                    BitConverter.TryWriteBytes(data.AsSpan(block + half), (ushort)(BitConverter.SingleToUInt32Bits(number) >> 16));
                else
                    BitConverter.TryWriteBytes(data.AsSpan(block + half), (Half)number);
            }
        }

        return data;
    }
}
