using FsCheck;
using FsCheck.Fluent;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Cache;
using TailorKV.Runtime.Cache.Codes;
using TailorKV.Runtime.Cache.Indexes;
using TailorKV.Runtime.Memory;
using TailorKV.Tests;

namespace TailorKV.Runtime.Tests.Cache;

/// <summary>The parts of the caches, each against a plain twin.</summary>
public sealed class ComponentTests
{
    [Fact]
    public void Every_bfloat16_widens_and_narrows_back()
    {
        ushort[] all = [.. Enumerable.Range(0, 1 << 16).Select(i => (ushort)i)], back = new ushort[all.Length];
        var wide = new float[all.Length];
        BrainFloat.Widen(all, wide);
        BrainFloat.Narrow(wide, back);
        for (int i = 0; i < all.Length; i++)
        {
            Assert.Equal((uint)i << 16, BitConverter.SingleToUInt32Bits(wide[i]));
            // A quiet NaN stays as it is, a signalling one becomes quiet.
            Assert.Equal(float.IsNaN(wide[i]) ? i | 0x40 : i, back[i]);
        }
    }

    [Fact]
    public void Singles_narrow_to_the_nearest_bfloat16() => ForAll(300, random =>
    {
        float[] numbers = [.. Enumerable.Range(0, random.Next(70)).Select(_ => BitConverter.Int32BitsToSingle(random.Next(int.MinValue, int.MaxValue)))];
        numbers = [.. numbers, float.NaN, float.PositiveInfinity, float.NegativeInfinity, float.MaxValue, float.Epsilon, BitConverter.UInt32BitsToSingle(0x7F800001)];
        ushort[] narrow = new ushort[numbers.Length];
        BrainFloat.Narrow(numbers, narrow);
        for (int i = 0; i < numbers.Length; i++)
        {
            float back = BrainFloat.ToSingle(narrow[i]);
            Assert.Equal(float.IsNaN(numbers[i]) ? float.NaN : PlainHead.BrainFloat(numbers[i]), back);
        }
    });

    [Fact]
    public void Codes_of_any_width_and_number_come_back() => ForAll(500, random =>
    {
        int bits = RandomPolicies.Of(random, 1, 2, 3, 4, 8), count = random.Next(300);
        CodeTable table = CodeTable.Integers(bits);
        byte[] codes = [.. Enumerable.Range(0, count).Select(_ => (byte)random.Next(1 << bits))], packed = new byte[CodeFormat.PackedBytes(count, bits)];
        Array.Fill(packed, (byte)0xAA);
        table.Pack(codes, packed);
        var unpacked = new float[count];
        table.Unpack(packed, unpacked);
        Assert.Equal(codes.Select(code => (float)code), unpacked);
        Assert.Equal(unpacked, Enumerable.Range(0, count).Select(i => table.Level(packed, count, i)));
    });

    [Fact]
    public void Codes_are_half_a_step_from_what_they_stand_for() => ForAll(500, random =>
    {
        int bits = RandomPolicies.Of(random, 1, 2, 4, 8);
        double size = Math.Pow(10, random.Next(-3, 5)), offset = random.Next(-1, 2) * size;
        float[] values = [.. Enumerable.Range(0, random.Next(1, 130)).Select(_ => (float)(offset + (size * random.NextDouble())))];
        var codes = new byte[values.Length];
        (Half scale, Half zero) = AffineQuantizer.Encode(values, bits, codes);
        // Where fp16 rounds the zero above all values, the scale is negative and every code 0.
        double half = Math.Abs((double)scale) / 2;
        double[] decoded = [.. codes.Select(code => ((double)scale * code) + (double)zero)];
        // fp16 has 11 significant bits and nothing below 2^-24: the zero, and the scale times the highest code, are each off by half a unit at most.
        double slack = ((values.Max(Math.Abs) + (values.Max() - values.Min())) / 2048) + ((1 << bits) * Math.ScaleB(1, -25));
        for (int i = 0; i < values.Length; i++)
        {
            Assert.InRange(codes[i], 0, (1 << bits) - 1);
            Assert.InRange(decoded[i], values[i] - half - slack, values[i] + half + slack);
            if (bits == 1)
                Assert.InRange(decoded.Min(), values.Min() - slack, values.Min() + slack);
        }
    });

    [Theory]
    [InlineData(8, 3.25f, 3.25f, 3.25f, 3.25f)]
    [InlineData(1, -1f, 2f, -1f, 2f)]
    [InlineData(2, 1e30f, 1e30f, 4 * 65504f, 4 * 65504f)]
    [InlineData(1, -1e30f, 1e30f, -65504f, 0f)]
    [InlineData(4, 0f, 0f, 0f, 0f)]
    [InlineData(4, 1e-30f, 1e-30f, 0f, 0f)]
    public void Groups_of_two(int bits, float low, float high, float decodedLow, float decodedHigh)
    {
        var codes = new byte[2];
        (Half scale, Half zero) = AffineQuantizer.Encode([low, high], bits, codes);
        Assert.Equal([decodedLow, decodedHigh], codes.Select(code => ((float)scale * code) + (float)zero));
    }

    [Fact]
    public void Coded_rows_score_and_sum_as_they_decode() => ForAll(40, random =>
    {
        int bits = RandomPolicies.Of(random, 1, 2, 4, 8), group = RandomPolicies.Of(random, 32, 64, 128), headDim = random.Next(1, 150);
        int tokens = group * random.Next(1, 4), queries = random.Next(1, 9), stride = tokens + random.Next(3);
        float[][] rows = Rows(random, tokens, headDim), questions = Rows(random, queries, headDim);
        using Arena arena = new("codes", new PerChannelFormat { Bits = bits, Group = group }.Bytes(tokens, headDim) + new PerTokenFormat { Bits = bits, Group = group }.Bytes(tokens, headDim));
        PerTokenCodes perToken = new(arena, tokens, headDim, bits, group);
        foreach ((ICodes codes, int block, float[][] plain) in new (ICodes, int, float[][])[]
        {
            (perToken, 1, PlainHead.CodedPerToken(rows, bits, group)),
            (new PerChannelCodes(arena, tokens, headDim, bits, group), group, [.. rows.Chunk(group).SelectMany(part => PlainHead.CodedPerChannel(part, bits))]),
        })
        {
            for (int token = 0; token < tokens; token += block)
                codes.Encode(token, rows[token..(token + block)].SelectMany(row => row).ToArray());
            var scores = new float[queries * stride];
            Array.Fill(scores, float.NaN);
            codes.Scores([.. questions.SelectMany(row => row)], tokens, scores, stride);
            for (int token = 0; token < tokens; token++)
            {
                var decoded = new float[headDim];
                codes.Decode(token, decoded);
                Assert.Equal(plain[token], decoded);
                for (int query = 0; query < queries; query++)
                    AssertNear(PlainHead.Dot(questions[query], decoded), scores[(query * stride) + token], headDim);
            }

            Assert.All(Enumerable.Range(0, queries), query => Assert.All(scores[((query * stride) + tokens)..((query + 1) * stride)], x => Assert.Equal(float.NaN, x)));
        }

        float[][] weights = Rows(random, queries, stride), outputs = Rows(random, queries, headDim);
        float[] sums = [.. outputs.SelectMany(row => row)];
        perToken.AddWeighted([.. weights.SelectMany(row => row)], stride, tokens, sums);
        float[][] values = PlainHead.CodedPerToken(rows, bits, group);
        for (int i = 0; i < sums.Length; i++)
            AssertNear(outputs[i / headDim][i % headDim] + Enumerable.Range(0, tokens).Sum(t => (double)weights[i / headDim][t] * values[t][i % headDim]), sums[i], tokens);
    });

    [Fact]
    public void The_largest_are_chosen_and_the_earlier_of_equal_ones() => ForAll(1000, random =>
    {
        int count = random.Next(1, 200), chosen = RandomPolicies.Of(random, 0, 1, count, random.Next(count + 1));
        // Few different values make many ties.
        int different = RandomPolicies.Of(random, 1, 3, 1000);
        float[] values = [.. Enumerable.Range(0, count).Select(_ => (float)random.Next(-different, different))];
        var indices = new int[chosen];
        TopK.Select(values, indices);
        Assert.Equal(Enumerable.Range(0, count).OrderByDescending(i => values[i]).ThenBy(i => i).Take(chosen).Order(), indices);
    });

    [Fact]
    public void Softmax_of_numbers_of_any_size() => ForAll(300, random =>
    {
        int rows = random.Next(1, 5), stride = random.Next(1, 70);
        double size = Math.Pow(10, random.Next(-3, 38)), offset = random.Next(-1, 2) * size;
        float[] scores = [.. Enumerable.Range(0, rows * stride).Select(_ => (float)(offset + (size * (random.NextDouble() - 0.5))))];
        double[] expected = [.. scores.Chunk(stride).SelectMany(row => PlainHead.Softmax([.. row.Select(x => (double)x)]))];
        Softmax.Rows(scores, stride);
        for (int i = 0; i < scores.Length; i++)
            Assert.InRange(scores[i], expected[i] - 1e-6, expected[i] + 1e-6);
    });

    [Fact]
    public void A_ring_of_rows_forgets_the_oldest() => ForAll(200, random =>
    {
        int capacity = random.Next(1, 20), headDim = random.Next(1, 40), tokens = random.Next(60);
        ExactPrecision precision = RandomPolicies.Of(random, ExactPrecision.BFloat16, ExactPrecision.Float32);
        float[][] rows = Rows(random, tokens, headDim);
        using Arena arena = new("rows", CacheBytes.Align(capacity * headDim * precision.Bytes()));
        ExactRows ring = new(arena, capacity, headDim, precision);
        int half = random.Next(tokens + 1);
        for (int i = 0; i < half; i++)
            ring.Write(i, rows[i]);
        ring.WriteRange(half, [.. rows[half..].SelectMany(row => row)]);
        for (int i = Math.Max(0, tokens - capacity); i < tokens; i++)
        {
            var row = new float[headDim];
            ring.Read(i, row);
            Assert.Equal(precision == ExactPrecision.Float32 ? rows[i] : rows[i].Select(PlainHead.BrainFloat), row);
        }
    });

    [Fact]
    public void An_arena_gives_out_aligned_zeros_and_no_more_than_it_has()
    {
        using Arena arena = new("device", 64 + 128);
        NativeBuffer<byte> first = arena.Take<byte>(1);
        NativeBuffer<float> second = arena.Take<float>(32);
        Assert.Equal((1, 32, 192L), (first.Length, second.Length, arena.Used));
        Assert.All(second.Span.ToArray(), x => Assert.Equal(0, x));
        Assert.Equal(0, arena.Take<float>(0).Length);
        Assert.Contains("192", Assert.Throws<InvalidOperationException>(() => arena.Take<byte>(1)).Message, StringComparison.Ordinal);
        using Arena nothing = new("host", 0);
        Assert.Throws<InvalidOperationException>(() => nothing.Take<byte>(1));
    }

    private static void ForAll(int cases, Action<Random> body) => Check.One(
        Config.QuickThrowOnFailure.WithMaxTest(cases), Prop.ForAll(Gen.Choose(0, int.MaxValue - 1).ToArbitrary(), seed => body(new Random(seed))));

    private static float[][] Rows(Random random, int count, int length) =>
        [.. Enumerable.Range(0, count).Select(_ => Enumerable.Range(0, length).Select(_ => (float)((2 * random.NextDouble()) - 1)).ToArray())];

    /// <summary>Sums of products of numbers up to one and a rounding of codes.</summary>
    private static void AssertNear(double expected, float actual, int terms) => Assert.InRange(actual, expected - (1e-6 * (terms + 10)), expected + (1e-6 * (terms + 10)));
}
