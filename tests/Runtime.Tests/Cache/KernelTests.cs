using System.Runtime.InteropServices;
using FsCheck;
using FsCheck.Fluent;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Cache;
using TailorKV.Runtime.Cache.Codes;
using TailorKV.Runtime.Cache.Kernels;
using TailorKV.Runtime.Memory;
using TailorKV.Testing;

namespace TailorKV.Runtime.Tests.Cache;

/// <summary>Kernels of every width the machine has, against sums said plainly in double precision.</summary>
public sealed class KernelTests
{
    public static TheoryData<int> Widths => [.. new[] { 1, 8, 16 }.Where(lanes => lanes <= RowKernel.Widest)];

    public static TheoryData<string, int> FormatsAndWidths
    {
        get
        {
            TheoryData<string, int> all = [];
            foreach (string format in Formats.Keys)
            {
                foreach (int lanes in Widths)
                    all.Add(format, lanes);
            }

            return all;
        }
    }

    private static Dictionary<string, Func<Random, CodeFormat>> Formats { get; } = new(StringComparer.Ordinal)
    {
        ["per channel"] = random => new PerChannelFormat { Bits = Bits(random), Group = Group(random) },
        ["per token"] = random => new PerTokenFormat { Bits = Bits(random), Group = Group(random) },
        ["per block"] = random => new PerBlockFormat { Bits = Gen.Elements(4, 8).Draw(random) },
        ["rotated affine"] = random => new RotatedAffineFormat { Bits = Bits(random), Group = Group(random) },
        ["rotated block"] = random => new RotatedBlockFormat { Bits = Gen.Elements(4, 8).Draw(random) },
        ["rotated normal"] = random => new RotatedNormalFormat { Bits = random.Next(1, 5) },
    };

    [Theory]
    [MemberData(nameof(Widths))]
    public void Codes_come_back_and_multiply(int lanes) => ForAll(300, random =>
    {
        int bits = Bits(random), length = random.Next(1, 150), count = random.Next(0, 20), n = random.Next(1, 10);
        int start = Gen.Elements(0, Math.Min(length, random.Next(5) * 16) / 16 * 16).Draw(random), end = random.Next(start, length + 1);
        sbyte[] levels = [.. Enumerable.Range(0, bits == 8 ? 0 : 1 << bits).Select(_ => (sbyte)random.Next(-128, 128))];
        CodeRows coded = new(bits, length, levels, lanes);
        byte[][] codes = [.. Enumerable.Range(0, count).Select(_ => Enumerable.Range(0, length).Select(_ => (byte)random.Next(1 << bits)).ToArray())];
        sbyte[][] plain = [.. codes.Select(row => row.Select(code => bits == 8 ? (sbyte)(code - 128) : levels[code]).ToArray())];
        byte[] rows = new byte[count * coded.RowBytes], room = new byte[count * length];
        Array.Fill(rows, (byte)0xAA);
        for (int row = 0; row < count; row++)
            coded.Pack(codes[row], rows.AsSpan(row * coded.RowBytes, coded.RowBytes));

        for (int row = 0; row < count; row++)
            Assert.Equal(plain[row], Enumerable.Range(0, length).Select(i => coded.Level(rows.AsSpan(row * coded.RowBytes, coded.RowBytes), i)));
        byte[] read = coded.Levels(rows, room).ToArray();
        Assert.Equal(plain.SelectMany(row => row), read.Select(level => (sbyte)level));
        Multiply(RowKernel.OfSignedBytes(length, lanes), read, [.. plain.Select(row => row.Select(level => (float)level).ToArray())], start, end, n, random);
    });

    [Theory]
    [MemberData(nameof(Widths))]
    public void Uncoded_rows_multiply(int lanes) => ForAll(200, random =>
    {
        int length = random.Next(1, 150), count = random.Next(0, 20);
        float[][] singles = Rows(random, count, length), brains = [.. singles.Select(row => row.Select(PlainHead.BrainFloat).ToArray())];
        Multiply(
            RowKernel.OfSingles(length, lanes), [.. singles.SelectMany(row => row).SelectMany(BitConverter.GetBytes)], singles, 0, length, random.Next(1, 10), random);
        Multiply(
            RowKernel.OfBrainFloats(length, lanes), [.. brains.SelectMany(row => row).SelectMany(x => BitConverter.GetBytes(BrainFloat.FromSingle(x)))], brains, 0, length,
            random.Next(1, 10), random);
        float[][] halves = [.. singles.Select(row => row.Select(x => (float)(Half)x).ToArray())];
        Multiply(
            RowKernel.OfHalfFloats(length, lanes), [.. halves.SelectMany(row => row).SelectMany(x => BitConverter.GetBytes((Half)x))], halves, 0, length,
            random.Next(1, 10), random);
    });

    [Theory]
    [MemberData(nameof(FormatsAndWidths))]
    public void Coded_rows_score_and_sum_as_they_decode(string kind, int lanes) => ForAll(25, random =>
    {
        CodeFormat format = Formats[kind](random);
        int headDim = Gen.Elements(random.Next(1, 150), 64, 128).Draw(random), block = format.BlockTokens, n = random.Next(1, 9);
        // More than one tile of tokens, and less.
        int tokens = block * random.Next(1, (Gen.Elements(40, 600).Draw(random) / block) + 2), stride = tokens + random.Next(3);
        float[][] rows = Rows(random, tokens, headDim);
        using Arena arena = new("codes", format.Bytes(tokens, headDim));
        ICodes codes = CodeFactory.Create(format, tokens, headDim, arena, lanes);
        for (int token = 0; token < tokens; token += block)
            codes.Encode(token, [.. rows[token..(token + block)].SelectMany(row => row)]);
        float[][] decoded = [.. Enumerable.Range(0, tokens).Select(token => Decoded(codes, token, headDim))];
        if (!kind.StartsWith("rotated", StringComparison.Ordinal))
            Assert.Equal(rows.Chunk(block).SelectMany(part => PlainHead.Coded(format, part)), decoded);

        float[][] queries = Rows(random, n, headDim), met = [.. queries.Select(query => PlainHead.Met(format, query))];
        var scores = new float[n * stride];
        Array.Fill(scores, float.NaN);
        int from = random.Next((tokens / block) + 1) * block, to = from + (random.Next(((tokens - from) / block) + 1) * block);
        codes.Scores([.. queries.SelectMany(row => row)], from, to, scores, stride);
        for (int i = 0; i < scores.Length; i++)
        {
            if (i % stride >= to - from)
            {
                Assert.Equal(float.NaN, scores[i]);
                continue;
            }

            float[] query = queries[i / stride], key = decoded[from + (i % stride)];
            AssertNear(PlainHead.Dot(met[i / stride], key), scores[i], headDim);
            // Half a step for each element, of a 32,767th of at most the query's norm; turning keeps norms.
            double rounding = Math.Sqrt(PlainHead.Dot(query, query) * PlainHead.Dot(key, key) * headDim) / 65534;
            Assert.InRange(scores[i] - PlainHead.Dot(query, key), -rounding - (1e-6 * (headDim + 10)), rounding + (1e-6 * (headDim + 10)));
        }

        if (format is PerChannelFormat)
            return;
        float[][] weights = Rows(random, n, stride), outputs = Rows(random, n, headDim);
        float[] sums = [.. outputs.SelectMany(row => row)];
        codes.AddWeighted([.. weights.SelectMany(row => row)], stride, from, to, sums);
        // Weights are rounded together: half a step for each, of a 32,767th of the largest, times what codes span. Turned or not, that is twice a row's norm at the most.
        double weightRounding = decoded[from..to].Select(row => Math.Sqrt(PlainHead.Dot(row, row))).Append(0).Max() * (to - from) / short.MaxValue;
        for (int i = 0; i < sums.Length; i++)
        {
            double sum = outputs[i / headDim][i % headDim] + Enumerable.Range(0, to - from).Sum(t => (double)weights[i / headDim][t] * decoded[from + t][i % headDim]);
            Assert.Equal(sum, sums[i], weightRounding + (1e-6 * (tokens + 10)));
        }
    });

    [Theory]
    [InlineData(1f)]
    [InlineData(1e-20f)]
    [InlineData(1e-36f)]
    [InlineData(0f)]
    [InlineData(float.NaN)]
    [InlineData(float.NegativeInfinity)]
    public void Factors_round_by_half_a_step(float factor) => ForAll(100, random =>
    {
        int length = random.Next(1, 1500);
        float[] numbers = Row(random, length), scales = Row(random, length);
        numbers[random.Next(length)] = factor;
        bool scaled = random.Next(2) == 0;
        short[] rounded = new short[length];
        float step = scaled ? RoundedFactors.Round(numbers, scales, rounded) : RoundedFactors.Round(numbers, rounded);
        Assert.Equal(float.IsFinite(factor), float.IsFinite(step));
        for (int i = 0; i < length && float.IsFinite(step); i++)
            Assert.InRange(Math.Abs((rounded[i] * step) - (numbers[i] * (scaled ? scales[i] : 1))), 0, 0.51 * step);
        // What 32 bits must hold.
        Assert.InRange(rounded.Sum(number => Math.Abs((long)number)) * 128, 0, int.MaxValue);
    });

    [Theory]
    [MemberData(nameof(Widths))]
    public void Integers_score_rows(int lanes) => ForAll(300, random =>
    {
        int length = random.Next(1, 150), count = random.Next(0, 40), n = random.Next(1, 10), stride = count + random.Next(3);
        int start = random.Next((length / 16) + 1) * 16, end = random.Next(start, length + 1);
        sbyte[] levels = Levels(random, count * length);
        short[] queries = Shorts(random, n * length);
        float[] steps = Row(random, n), scales = Row(random, count), before = Row(random, n * stride);
        float[] scores = [.. before];
        IntegerDots.AddScaled(MemoryMarshal.AsBytes(levels.AsSpan()), length, start, end, queries, steps, scales, scores, stride, lanes);
        for (int i = 0; i < scores.Length; i++)
        {
            int query = i / stride, row = i % stride;
            double[] added = row < count
                ? [.. Enumerable.Range(start, end - start).Select(j => queries[(query * length) + j] * levels[(row * length) + j] * (double)scales[row] * steps[query])]
                : [];
            Assert.Equal(before[i] + added.Sum(), scores[i], 1e-6 * (1 + added.Sum(Math.Abs)));
        }
    });

    [Theory]
    [MemberData(nameof(Widths))]
    public void Integers_sum_rows(int lanes) => ForAll(300, random =>
    {
        int length = random.Next(1, 150), count = random.Next(0, 40), n = random.Next(1, 10), stride = count + random.Next(3);
        int start = random.Next((length / 16) + 1) * 16, end = random.Next(start, length + 1), outputStride = end - start + random.Next(3);
        sbyte[] levels = Levels(random, count * length);
        short[] weights = Shorts(random, n * stride);
        float[] steps = Row(random, n), before = Row(random, n * outputStride);
        float[] outputs = [.. before];
        IntegerSums.Add(MemoryMarshal.AsBytes(levels.AsSpan()), length, start, end, weights, stride, steps, outputs, outputStride, lanes);
        for (int i = 0; i < outputs.Length; i++)
        {
            int query = i / outputStride, column = start + (i % outputStride);
            double[] added = column < end ? [.. Enumerable.Range(0, count).Select(row => weights[(query * stride) + row] * levels[(row * length) + column] * (double)steps[query])] : [];
            Assert.Equal(before[i] + added.Sum(), outputs[i], 1e-6 * (1 + added.Sum(Math.Abs)));
        }
    });

    private static void Multiply(RowKernel kernel, byte[] rows, float[][] plain, int start, int end, int n, Random random)
    {
        int count = plain.Length, length = kernel.Length, stride = count + random.Next(3), outputStride = end - start + random.Next(3);
        float[][] queries = Rows(random, n, length), weights = Rows(random, n, stride), outputs = Rows(random, n, outputStride);
        var dots = new float[n * stride];
        Array.Fill(dots, float.NaN);
        kernel.Dots(rows, start, end, [.. queries.SelectMany(row => row)], dots, stride);
        float[] sums = [.. outputs.SelectMany(row => row)];
        kernel.AddWeighted(rows, start, end, [.. weights.SelectMany(row => row)], stride, n, sums, outputStride);
        double largest = plain.SelectMany(row => row).Select(x => (double)Math.Abs(x)).Append(1).Max();
        for (int query = 0; query < n; query++)
        {
            for (int row = 0; row < stride; row++)
            {
                if (row < count)
                    AssertNear(PlainHead.Dot(queries[query][start..end], plain[row][start..end]), dots[(query * stride) + row], largest * length);
                else
                    Assert.Equal(float.NaN, dots[(query * stride) + row]);
            }

            for (int i = 0; i < outputStride; i++)
            {
                double added = i < end - start ? Enumerable.Range(0, count).Sum(row => (double)weights[query][row] * plain[row][start + i]) : 0;
                AssertNear(outputs[query][i] + added, sums[(query * outputStride) + i], largest * count);
            }
        }
    }

    private static float[] Decoded(ICodes codes, int token, int headDim)
    {
        var row = new float[headDim];
        codes.Decode(token, row);
        return row;
    }

    private static sbyte[] Levels(Random random, int count)
    {
        byte[] levels = new byte[count];
        random.NextBytes(levels);
        return [.. levels.Select(level => (sbyte)level)];
    }

    private static short[] Shorts(Random random, int count) =>
        [.. Enumerable.Range(0, count).Select(_ => Gen.Elements(short.MinValue, short.MaxValue, (short)random.Next(-100, 100)).Draw(random))];

    private static int Bits(Random random) => Gen.Elements(1, 2, 3, 4, 8).Draw(random);

    private static int Group(Random random) => Gen.Elements(32, 64, 128).Draw(random);

    private static void ForAll(int cases, Action<Random> body) => Check.One(
        Config.QuickThrowOnFailure.WithMaxTest(cases), Prop.ForAll(Gen.Choose(0, int.MaxValue - 1).ToArbitrary(), seed => body(new Random(seed))));

    private static float[][] Rows(Random random, int count, int length) => [.. Enumerable.Range(0, count).Select(_ => Row(random, length))];

    private static float[] Row(Random random, int length) => [.. Enumerable.Range(0, length).Select(_ => (float)((2 * random.NextDouble()) - 1))];

    /// <summary>Sums of so many products of numbers of about one, or so much larger.</summary>
    private static void AssertNear(double expected, float actual, double terms) =>
        Assert.InRange(actual, expected - (1e-6 * (terms + 10)), expected + (1e-6 * (terms + 10)));
}
