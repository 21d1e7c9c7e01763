using FsCheck;
using FsCheck.Xunit;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Backends.Cpu.Cache.Codes;
using TailorKV.Runtime.Backends.Cpu.Cache.Packs;
using TailorKV.Runtime.Backends.Cpu.Kernels;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Numbers;

namespace TailorKV.Runtime.Tests.Backends.Cpu.Cache;

/// <summary>Kernels of every width the machine has, against sums said plainly in double precision.</summary>
public sealed class KernelTests
{
    public static IReadOnlyList<int> Widths { get; } = [.. new[] { 1, 8, 16 }.Where(lanes => lanes <= VectorWidth.Widest)];

    /// <summary>Codes of keys and of values come back from where they were put, whatever lay there, and their levels meet factors as whole numbers do.</summary>
    [Property(MaxTest = 180)]
    public void Packed_codes_come_back_and_multiply_at_every_width(
        Pick bits, Many headDim, Many tokens, Few queries, bool normal, bool small, Pick groups, RandomData data)
    {
        foreach (int lanes in Widths)
            PackedCodesComeBackAndMultiply(lanes, bits.Of(1, 2, 3, 4, 5, 8), headDim, tokens, queries, normal, small, groups.Of(32, 64, 96), data.Random());
    }

    private static void PackedCodesComeBackAndMultiply(int lanes, int bits, int headDim, int tokens, int n, bool normal, bool small, int group, Random random)
    {
        CodeLevels levels = bits == 5 || (bits == 4 && normal && small) ? CodeLevels.OfTier(bits) : bits < 8 && normal ? CodeLevels.Normal(bits) : CodeLevels.Steps(bits);
        int numberBytes = bits < 8 && levels.Largest <= 63 && small ? 1 : 2;
        var kernel = PackKernel.Create(levels, numberBytes, lanes);
        byte[][] codes = [.. Enumerable.Range(0, tokens).Select(_ => Enumerable.Range(0, headDim).Select(_ => (byte)random.Next(1 << bits)).ToArray())];
        using Arena arena = new("codes", 2 * CacheBytes.Align(CodeFormat.PackedBytes(tokens, headDim, bits)));
        PackedCodes keys = PackedCodes.OfKeys(arena, tokens, headDim, kernel), values = PackedCodes.OfValues(arena, tokens, headDim, kernel);
        foreach (int token in Enumerable.Range(0, tokens).Concat(Enumerable.Range(0, tokens)).OrderBy(_ => random.Next()))
        {
            keys.Write(token, [.. codes[token].Select(_ => (byte)random.Next(1 << bits))]);
            values.Write(token, [.. codes[token].Select(_ => (byte)random.Next(1 << bits))]);
            keys.Write(token, codes[token]);
            values.Write(token, codes[token]);
        }

        for (int token = 0; token < tokens; token++)
        {
            Assert.Equal(codes[token], Enumerable.Range(0, headDim).Select(channel => (byte)keys.Read(token, channel)));
            Assert.Equal(codes[token], Enumerable.Range(0, headDim).Select(channel => (byte)values.Read(token, channel)));
        }

        int first = random.Next(((tokens - 1) / PackedCodes.Tokens) + 1) * PackedCodes.Tokens, packs = random.Next(1, ((tokens - 1 - first) / PackedCodes.Tokens) + 2);
        int start = random.Next(((headDim - 1) / 32) + 1) * 32, end = random.Next(2) == 0 ? headDim : Math.Min(headDim, start + (random.Next(1, 4) * 32));
        int[][] plain = [.. codes.Skip(first).Take(packs * PackedCodes.Tokens).Select(row => row[start..end].Select(code => levels.Of(code)).ToArray())];
        Multiply(keys.Keys(first, packs, start..end, group), [.. plain]);
        // Lanes of channels that are left over when those of tokens are not are what kernels of 16 bits alone meet.
        if (numberBytes == 2)
            Multiply(values.Values(first, packs, start..end), [.. Enumerable.Range(0, end - start).Select(channel => plain.Select(row => row[channel]).ToArray())]);

        // What lies beyond the tokens and channels that there are meets factors of zero, or is not looked at.
        void Multiply(PackRange range, int[][] matrix)
        {
            int all = range.Lanes * range.Repeats, depths = range.Depth * range.Sums, factorStride = depths + random.Next(3), stride = all + random.Next(3);
            int most = numberBytes == 2 ? short.MaxValue : Math.Min(sbyte.MaxValue, short.MaxValue / levels.Largest / matrix[0].Length);
            int[] factors = [.. Enumerable.Range(0, n * factorStride).Select(i => i % factorStride < matrix[0].Length ? FactorOf(most) : 0)];
            float[] steps = Row(random, n), scales = Row(random, range.Groups * all), before = Row(random, n * stride);
            float[] sums = [.. before];
            if (range.Groups == 1 && random.Next(2) == 0)
            {
                // Some of the factors alone, whose sums are kept, and then those that are left.
                int[] some = [.. factors.Select(factor => random.Next(2) == 0 ? factor : 0)], others = [.. factors.Zip(some, (factor, taken) => factor - taken)];
                var room = new byte[n * all * range.Shape.WordBytes];
                Add(some, new PartialSums(room, resumes: false, keeps: true));
                Assert.Equal(before, sums);
                Add(others, new PartialSums(room, resumes: true, keeps: false));
            }
            else
            {
                Add(factors, default);
            }

            for (int i = 0; i < sums.Length; i++)
            {
                int query = i / stride, lane = i % stride;
                if (lane >= all)
                    Assert.Equal(before[i], sums[i]);
                if (lane >= matrix.Length)
                    continue;
                double[] added =
                [
                    .. matrix[lane].Select((level, depth) => level * (long)factors[(query * factorStride) + depth]).Chunk(range.GroupDepth * range.Sums)
                        .Select((sums, i) => sums.Sum() * (double)scales[(i * all) + lane] * steps[query]),
                ];
                Assert.Equal(before[i] + added.Sum(), sums[i], 1e-6 * (1 + added.Sum(Math.Abs)));
            }

            void Add(int[] factors, PartialSums partial)
            {
                byte[] packed = numberBytes == 1 ? [.. factors.Select(factor => (byte)factor)] : [.. factors.SelectMany(factor => BitConverter.GetBytes((short)factor))];
                int[] factorSums = [.. Enumerable.Range(0, range.Groups).SelectMany(i => factors.Chunk(factorStride).Select(row => row.Chunk(range.GroupDepth * range.Sums).ElementAt(i).Sum()))];
                kernel.AddProducts(range, packed, factorStride * numberBytes, steps, factorSums, scales, sums, stride, partial: partial);
            }
        }

        int FactorOf(int most) => random.Next(3) switch
        {
            0 => -most,
            1 => most,
            _ => random.Next(-most, most),
        };
    }

    [Property(MaxTest = 200)]
    public void Uncoded_rows_multiply_at_every_width(Many length, Pick rows, Few queries, Pick padding, RandomData data)
    {
        foreach (int lanes in Widths)
            UncodedRowsMultiply(lanes, length, rows.Of(20), queries, padding.Of(3), data);
    }

    private static void UncodedRowsMultiply(int lanes, int length, int count, int n, int padding, RandomData data)
    {
        float[][] singles = data.Rows(count, length), brains = [.. singles.Select(row => row.Select(PlainHead.BrainFloat).ToArray())];
        Multiply(
            RowKernel.OfSingles(length, lanes), [.. singles.SelectMany(row => row).SelectMany(BitConverter.GetBytes)], singles, n, padding, data);
        Multiply(
            RowKernel.OfBrainFloats(length, lanes), [.. brains.SelectMany(row => row).SelectMany(x => BitConverter.GetBytes(BrainFloat.FromSingle(x)))], brains, n, padding, data);
        float[][] halves = [.. singles.Select(row => row.Select(x => (float)(Half)x).ToArray())];
        Multiply(
            RowKernel.OfHalfFloats(length, lanes), [.. halves.SelectMany(row => row).SelectMany(x => BitConverter.GetBytes((Half)x))], halves, n, padding, data);
    }

    /// <summary>Of tokens there are more than one tile, and less.</summary>
    [Property(MaxTest = 150)]
    public void Coded_rows_score_and_sum_as_they_decode_at_every_width(
        CodeFormat format, Many length, Pick whole, Many count, bool more, Few queries, Pick skipped, Pick asked, Pick padding, RandomData data)
    {
        int blocks = 1 + (count * (more ? 3 : 1) / format.BlockTokens), first = skipped.Of(blocks + 1), last = first + asked.Of(blocks - first + 1);
        foreach (int lanes in Widths)
            CodedRowsScoreAndSum(lanes, format, whole.Of(length.Value, 64, 128), blocks, first..last, queries, padding.Of(3), data);
    }

    private static void CodedRowsScoreAndSum(int lanes, CodeFormat format, int headDim, int blocks, Range asked, int n, int padding, RandomData data)
    {
        int block = format.BlockTokens, tokens = block * blocks, stride = tokens + padding, from = block * asked.Start.Value, to = block * asked.End.Value;
        float[][] rows = data.Rows(tokens, headDim, 1);
        using Arena arena = new("codes", 2 * format.Bytes(tokens, headDim));
        IKeyCodes codes = CodeFactory.Keys(format, tokens, headDim, arena, lanes);
        Assert.Equal(format.Bytes(tokens, headDim), arena.Used);
        for (int token = 0; token < tokens; token += block)
            codes.Encode(token, [.. rows[token..(token + block)].SelectMany(row => row)]);
        float[][] decoded = Decoded(codes.Decode, tokens, headDim);
        if (format is PerChannelFormat or PerTokenFormat or PerBlockFormat)
            Assert.Equal(rows.Chunk(block).SelectMany(part => PlainHead.Coded(format, part)), decoded);

        (float, float)[][] channels = [.. rows.Chunk(block).SelectMany(part => Enumerable.Repeat(PlainHead.ChannelScales(format, part), block))];
        float[][] queries = data.Rows(n, headDim, 2);
        double[][] expected = [.. queries.Select(query => PlainHead.CodedScores(format, query, decoded.Zip(channels), channels))];
        var scores = new float[n * stride];
        Array.Fill(scores, float.NaN);
        codes.Prepare([.. queries.SelectMany(row => row)]);
        codes.Scores(from, to, scores, stride);
        for (int i = 0; i < scores.Length; i++)
        {
            if (i % stride >= to - from)
            {
                Assert.Equal(float.NaN, scores[i]);
                continue;
            }

            float[] query = queries[i / stride], key = decoded[from + (i % stride)];
            AssertNear(expected[i / stride][from + (i % stride)], scores[i], headDim);
            // Half a step for each element, of a 32,767th or, of coarse codes, a 100th of at most the query's norm; turning keeps norms. Where channels have scales, keys of about
            // one differ from the middle by as much.
            double keyNorm = format is PerChannelFormat ? 2 * Math.Sqrt(headDim) : Math.Sqrt(PlainHead.Dot(key, key));
            double rounding = Math.Sqrt(PlainHead.Dot(query, query) * headDim) * keyNorm / (format.MeanBits <= 3 ? 200 : 65534);
            Assert.InRange(scores[i] - PlainHead.Dot(query, key), -rounding - (1e-6 * (headDim + 10)), rounding + (1e-6 * (headDim + 10)));
        }

        if (format is PerChannelFormat)
            return;
        IValueCodes values = CodeFactory.Values(format, tokens, headDim, arena, lanes);
        values.Encode(0, [.. rows.SelectMany(row => row)]);
        Assert.Equal(decoded, Decoded(values.Decode, tokens, headDim));
        float[][] weights = data.Rows(n, stride, 3), outputs = data.Rows(n, headDim, 4);
        float[] sums = [.. outputs.SelectMany(row => row)];
        values.AddWeighted([.. weights.SelectMany(row => row)], [.. weights.Select(row => row.Max(Math.Abs))], stride, from, to, sums);
        // Weights are rounded together: half a step for each, of a 32,767th of the largest, times what codes span. Turned or not, that is twice a row's norm at the most.
        double weightRounding = decoded[from..to].Select(row => Math.Sqrt(PlainHead.Dot(row, row))).Append(0).Max() * (to - from) / short.MaxValue;
        for (int i = 0; i < sums.Length; i++)
        {
            double sum = outputs[i / headDim][i % headDim] + Enumerable.Range(0, to - from).Sum(t => (double)weights[i / headDim][t] * decoded[from + t][i % headDim]);
            Assert.Equal(sum, sums[i], weightRounding + (1e-6 * (tokens + 10)));
        }
    }

    /// <summary>Where a channel never changes its scale is nothing, and its zero all there is.</summary>
    [Property(MaxTest = 20)]
    public void Keys_that_never_change_score_by_their_zeros(RandomData data)
    {
        const int Tokens = 64, HeadDim = 64;
        PerChannelFormat format = new() { Bits = 4, Group = 32 };
        float[] key = [.. data.Row(HeadDim).Select(x => (float)(Half)x)], query = data.Row(HeadDim, 1);
        foreach (int lanes in Widths)
        {
            using Arena arena = new("codes", format.Bytes(Tokens, HeadDim));
            IKeyCodes codes = CodeFactory.Keys(format, Tokens, HeadDim, arena, lanes);
            for (int token = 0; token < Tokens; token += format.BlockTokens)
                codes.Encode(token, [.. Enumerable.Repeat(key, format.BlockTokens).SelectMany(row => row)]);
            var scores = new float[Tokens];
            codes.Prepare(query);
            codes.Scores(0, Tokens, scores, Tokens);
            foreach (float score in scores)
                AssertNear(PlainHead.Dot(query, key), score, HeadDim);
        }
    }

    private static void Multiply(RowKernel kernel, byte[] rows, float[][] plain, int n, int padding, RandomData data)
    {
        int count = plain.Length, start = 0, end = kernel.Length, length = kernel.Length, stride = count + padding, outputStride = end - start + padding;
        float[][] queries = data.Rows(n, length, 1), weights = data.Rows(n, stride, 2), outputs = data.Rows(n, outputStride, 3);
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

    private delegate void Decode(int token, Span<float> row);

    private static float[][] Decoded(Decode decode, int tokens, int headDim)
    {
        float[][] rows = [.. Enumerable.Range(0, tokens).Select(_ => new float[headDim])];
        for (int token = 0; token < tokens; token++)
            decode(token, rows[token]);
        return rows;
    }

    private static float[] Row(Random random, int length) => [.. Enumerable.Range(0, length).Select(_ => (float)((2 * random.NextDouble()) - 1))];

    /// <summary>Sums of so many products of numbers of about one, or so much larger.</summary>
    private static void AssertNear(double expected, float actual, double terms) =>
        Assert.InRange(actual, expected - (1e-6 * (terms + 10)), expected + (1e-6 * (terms + 10)));
}
