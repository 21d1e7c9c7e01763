using System.Runtime.Intrinsics;
using FsCheck;
using FsCheck.Fluent;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Weights;
using TailorKV.Runtime.Weights.Blocks;
using TailorKV.Runtime.Weights.Panels;
using TailorKV.Runtime.Weights.Rows;

namespace TailorKV.Runtime.Tests.Weights.Rows;

public sealed unsafe class RowLayoutTests
{
    public static TheoryData<WeightType> Types => [.. Enum.GetValues<WeightType>().Where(type => WeightFormat.Of(type).Rows is not null)];

    [Theory]
    [MemberData(nameof(Types))]
    public void Products_are_those_of_the_plain_twin_to_the_bit(WeightType type) => ForAll(type, (matrix, random) =>
    {
        float[] input = [.. Enumerable.Range(0, matrix.Columns).Select(_ => (float)((random.NextDouble() - 0.5) * Math.Pow(10, random.Next(-3, 4))))];
        float[] dots = new float[matrix.Rows + 1];
        int first = random.Next((matrix.Rows + 15) / 16) * 16, count = random.Next(matrix.Rows - first + 1);
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

    [Theory]
    [MemberData(nameof(Types))]
    public void Columns_of_a_panel_are_rows_as_they_decode(WeightType type) => ForAll(type, (matrix, random) =>
    {
        WeightFormat format = WeightFormat.Of(type);
        int first = random.Next((matrix.Rows + 15) / 16) * 16, blocks = matrix.Columns / format.BlockElements, block = random.Next(blocks);
        int column = block * format.BlockElements, depth = random.Next(1, blocks - block + 1) * format.BlockElements;
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

    private static void ForAll(WeightType type, Action<Matrix, Random> check) =>
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(30), Prop.ForAll(Gen.Choose(0, int.MaxValue).ToArbitrary(), seed =>
        {
            Random random = new(seed);
            WeightFormat format = WeightFormat.Of(type);
            int rows = random.Next(1, 70), columns = random.Next(1, 5) * format.BlockElements;
            byte[] stored = WeightMatrixTests.RandomBlocks(random, type, rows * columns / format.BlockElements);
            using Arena memory = new("rows", LaidOutRows.Bytes(format.Rows!, rows, columns));
            fixed (byte* start = stored)
                check(new Matrix(stored, (int)format.ByteLength(columns), rows, columns, new LaidOutRows(format.Rows!, start, format.ByteLength(columns), rows, columns, memory)), random);
        }));

    private static float DotPlain(WeightType type, byte* row, int columns, RoundedInput input) => type switch
    {
        WeightType.Q8_0 => RowLayout<Q8_0>.DotPlain(row, columns, input),
        WeightType.Q4_0 => RowLayout<Q4_0>.DotPlain(row, columns, input),
        WeightType.Q4_1 => RowLayout<Q4_1>.DotPlain(row, columns, input),
        WeightType.Q5_0 => RowLayout<Q5_0>.DotPlain(row, columns, input),
        WeightType.Q5_1 => RowLayout<Q5_1>.DotPlain(row, columns, input),
        WeightType.Q4_K => RowLayout<Q4_K>.DotPlain(row, columns, input),
        WeightType.Q5_K => RowLayout<Q5_K>.DotPlain(row, columns, input),
        WeightType.Q6_K => RowLayout<Q6_K>.DotPlain(row, columns, input),
        _ => throw new ArgumentOutOfRangeException(nameof(type)),
    };

    private sealed record Matrix(byte[] Stored, int RowBytes, int Rows, int Columns, LaidOutRows LaidOut);
}
