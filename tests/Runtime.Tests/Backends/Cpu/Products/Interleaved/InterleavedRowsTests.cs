using System.Runtime.Intrinsics;
using FsCheck;
using FsCheck.Xunit;
using TailorKV.Runtime.Backends.Cpu.Panels;
using TailorKV.Runtime.Backends.Cpu.Products.Interleaved;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Weights;
using TailorKV.Runtime.Weights.Blocks;

namespace TailorKV.Runtime.Tests.Backends.Cpu.Products.Interleaved;

public sealed unsafe class InterleavedRowsTests
{
    private static readonly WeightType[] Types = [.. Enum.GetValues<WeightType>().Where(type => InterleavedFormat.Of(type) is not null)];

    [Property(MaxTest = 30)]
    public void Products_are_those_of_the_plain_twin_to_the_bit(Pick rows, Pick blocks, Pick skipped, Pick some, RandomData data) => ForAllTypes(rows, blocks, data, (type, matrix) =>
    {
        float[] input = [.. data.Row(matrix.Columns, 1).Zip(data.Row(matrix.Columns, 2), (number, power) => (float)(number / 2 * Math.Pow(10, Math.Round(3 * power))))];
        float[] dots = new float[matrix.Rows + 1];
        int first = skipped.Of((matrix.Rows + 15) / 16) * 16, count = some.Of(matrix.Rows - first + 1);
        fixed (byte* stored = matrix.Stored, room = new byte[RoundedInput.Room(matrix.Columns)])
        fixed (float* x = input, to = dots)
        {
            var rounded = RoundedInput.Of(x, matrix.Columns, room);
            matrix.LaidOut.Dots(first, count, rounded, to);
            for (int row = 0; row < count; row++)
                Assert.Equal(DotPlain(type, stored + ((first + row) * matrix.RowBytes), matrix.Columns, rounded), dots[row]);
        }

        // Nothing is written behind the end.
        Assert.All(dots[count..], dot => Assert.Equal(0, dot));
    });

    [Property(MaxTest = 30)]
    public void Columns_of_a_panel_are_rows_as_they_decode(Pick rows, Pick blocks, Pick skipped, Pick start, Pick some, RandomData data) => ForAllTypes(rows, blocks, data, (type, matrix) =>
    {
        WeightFormat format = WeightFormat.Of(type);
        int first = skipped.Of((matrix.Rows + 15) / 16) * 16, all = matrix.Columns / format.BlockElements, block = start.Of(all);
        int column = block * format.BlockElements, depth = (1 + some.Of(all - block)) * format.BlockElements;
        float[] panel = new float[depth * Panel.Width], decoded = new float[matrix.Rows * matrix.Columns];
        format.Decode(matrix.Stored, decoded);
        fixed (float* to = panel)
            matrix.LaidOut.Columns(first, column, depth, to + 16);
        for (int k = 0; k < depth; k++)
        {
            for (int row = 0; row < Math.Min(16, matrix.Rows - first); row++)
                Assert.Equal(decoded[((first + row) * matrix.Columns) + column + k], panel[(k * Panel.Width) + 16 + row]);
        }
    });

    [Fact]
    public void Sixteen_numbers_widen_exactly()
    {
        byte[] bytes = [.. Enumerable.Range(0, 256).Select(i => (byte)i)];
        ushort[] halves = [.. Enumerable.Range(0, ushort.MaxValue + 1).Select(i => (ushort)i)];
        fixed (byte* from = bytes)
        fixed (ushort* fromHalves = halves)
        {
            for (int i = 0; i < bytes.Length; i += 16)
            {
                Assert.Equal(bytes[i..(i + 16)].Select(x => (float)x), Numbers(SixteenRows.OfBytes(from + i)));
                Assert.Equal(bytes[i..(i + 16)].Select(x => (float)(sbyte)x), Numbers(SixteenRows.OfSignedBytes(from + i)));
            }

            for (int i = 0; i < halves.Length; i += 16)
                Assert.Equal(halves[i..(i + 16)].Select(x => (float)BitConverter.UInt16BitsToHalf(x)), Numbers(SixteenRows.OfHalves((byte*)(fromHalves + i))));
        }
    }

    private static float[] Numbers(SixteenRows rows)
    {
        float[] numbers = new float[SixteenRows.Count];
        fixed (float* to = numbers)
        {
            rows.Lower.Store(to);
            rows.Upper.Store(to + (SixteenRows.Count / 2));
        }

        return numbers;
    }

    private static void ForAllTypes(Pick rowsOf, Pick blocks, RandomData data, Action<WeightType, Matrix> check)
    {
        foreach (WeightType type in Types)
        {
            WeightFormat format = WeightFormat.Of(type);
            int rows = 1 + rowsOf.Of(69), columns = (1 + blocks.Of(4)) * format.BlockElements;
            byte[] stored = WeightMatrixTests.RandomBlocks(data.Random(), type, rows * columns / format.BlockElements);
            using Arena memory = new("rows", InterleavedMatrix.Bytes(InterleavedFormat.Of(type)!, rows, columns));
            fixed (byte* start = stored)
                check(type, new Matrix(stored, (int)format.ByteLength(columns), rows, columns, new InterleavedMatrix(InterleavedFormat.Of(type)!, start, format.ByteLength(columns), rows, columns, memory, TestThreads.Pool)));
        }
    }

    private static float DotPlain(WeightType type, byte* row, int columns, RoundedInput input) => type switch
    {
        WeightType.Q8_0 => InterleavedRows<Q8_0>.DotPlain(row, columns, input),
        WeightType.Q4_0 => InterleavedRows<Q4_0>.DotPlain(row, columns, input),
        WeightType.Q4_1 => InterleavedRows<Q4_1>.DotPlain(row, columns, input),
        WeightType.Q5_0 => InterleavedRows<Q5_0>.DotPlain(row, columns, input),
        WeightType.Q5_1 => InterleavedRows<Q5_1>.DotPlain(row, columns, input),
        WeightType.Q4_K => InterleavedRows<Q4_K>.DotPlain(row, columns, input),
        WeightType.Q5_K => InterleavedRows<Q5_K>.DotPlain(row, columns, input),
        WeightType.Q6_K => InterleavedRows<Q6_K>.DotPlain(row, columns, input),
        WeightType.I4_32 => InterleavedRows<I4<OneGroup>>.DotPlain(row, columns, input),
        WeightType.I4_128 => InterleavedRows<I4<FourGroups>>.DotPlain(row, columns, input),
        WeightType.I8_32 => InterleavedRows<I8<OneGroup>>.DotPlain(row, columns, input),
        WeightType.I8_128 => InterleavedRows<I8<FourGroups>>.DotPlain(row, columns, input),
        WeightType.I8_16 => InterleavedRows<I8_16>.DotPlain(row, columns, input),
        _ => throw new ArgumentOutOfRangeException(nameof(type)),
    };

    private sealed record Matrix(byte[] Stored, int RowBytes, int Rows, int Columns, InterleavedMatrix LaidOut);
}
