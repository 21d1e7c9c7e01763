using FsCheck;
using FsCheck.Xunit;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Backends.Cpu.Cache.Codes;
using TailorKV.Runtime.Backends.Cpu.Cache.Exact;
using TailorKV.Runtime.Backends.Cpu.Cache.Heads;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Numbers;

namespace TailorKV.Runtime.Tests.Backends.Cpu.Cache;

/// <summary>The parts of the caches, each against a plain twin.</summary>
public sealed class ComponentTests
{
    [Property(MaxTest = 500)]
    public void Codes_are_half_a_step_from_what_they_stand_for(Pick width, Pick exponent, Pick sign, Many length, RandomData data)
    {
        int bits = width.Of(1, 2, 4, 8);
        double size = Math.Pow(10, exponent.Of(8) - 3), offset = sign.Of(0, 1, -1) * size;
        float[] values = [.. data.Row(length).Select(number => (float)(offset + (size * (number + 1) / 2)))];
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
    }

    /// <summary>Rows written in any order, some anew, each lie apart: what is read is what its blocks' codes stand for.</summary>
    [Property(MaxTest = 300)]
    public void Coded_rows_are_read_one_by_one_as_they_were_coded(bool wide, Pick channels, Few tokens, RandomData data)
    {
        var format = new RotatedBlockFormat { Bits = wide ? 8 : 4 };
        int headDim = channels.Of(1, 2, 3, 6, 24, 31, 32, 40, 64, 80, 128, 200);
        using var arena = new Arena("host", CacheBytes.Align(tokens * format.RowBytes(headDim)));
        var rows = new CodedRows(arena, tokens, headDim, format);
        Assert.Equal(arena.Capacity, arena.Used);
        float[][] written = [.. Enumerable.Range(0, tokens).Select(_ => data.Row(headDim))];
        rows.WriteRange(0, data.Row(tokens * headDim));
        for (int token = tokens - 1; token >= 0; token--)
            rows.WriteRange(token, written[token]);
        for (int token = 0; token < tokens; token++)
        {
            rows.Prefetch(token);
            var read = new float[headDim];
            rows.Read(token, read);
            Assert.Equal(written[token].Chunk(32).SelectMany(block =>
            {
                var codes = new byte[block.Length];
                float scale = (float)BlockQuantizer.Encode(block, format.Bits, codes);
                return codes.Select(code => scale * (code - (wide ? 128 : 8)));
            }), read);
        }
    }

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

    /// <summary>The largest magnitude is a code of its own, and every other element half a step from its code or, at 4 bits beyond the eighth step, less than one.</summary>
    [Property(MaxTest = 500)]
    public void Codes_of_a_block_are_near_what_they_stand_for(bool wide, Pick exponent, Pick more, RandomData data)
    {
        int bits = wide ? 8 : 4, steps = wide ? 127 : 8;
        double size = Math.Pow(10, exponent.Of(8) - 3);
        float[] values = [.. data.Row(1 + more.Of(32)).Select(number => (float)(size * number))];
        var codes = new byte[values.Length];
        double scale = (double)BlockQuantizer.Encode(values, bits, codes), step = Math.Abs(scale), slack = steps * ((step / 2048) + Math.ScaleB(1, -25));
        double[] decoded = [.. codes.Select(code => scale * (code - (1 << (bits - 1))))];
        int largest = Array.IndexOf(values, values.MaxBy(Math.Abs));
        Assert.InRange(decoded[largest], values[largest] - slack, values[largest] + slack);
        for (int i = 0; i < values.Length; i++)
        {
            // The side opposite to the largest magnitude has seven steps of 4 bits, not eight.
            double reach = bits == 4 && values[i] * scale > 7 * scale * scale ? step : step / 2;
            Assert.InRange(decoded[i], values[i] - reach - slack, values[i] + reach + slack);
        }
    }

    [Theory]
    [InlineData(8, -127f, 63.5f, -127f, 64f)]
    [InlineData(4, -8f, 8f, -8f, 7f)]
    [InlineData(4, 8f, 3.4f, 8f, 3f)]
    [InlineData(8, 0f, 0f, 0f, 0f)]
    [InlineData(4, 1e-38f, -1e-38f, 0f, 0f)]
    [InlineData(8, 1e30f, -1e30f, 127 * 65504f, -128 * 65504f)]
    [InlineData(4, 1e30f, -1e30f, 8 * 65504f, -7 * 65504f)]
    public void Blocks_of_two(int bits, float first, float second, float decodedFirst, float decodedSecond)
    {
        var codes = new byte[2];
        float scale = (float)BlockQuantizer.Encode([first, second], bits, codes);
        Assert.Equal([decodedFirst, decodedSecond], codes.Select(code => (code - (1 << (bits - 1))) * scale));
    }

    [Fact]
    public void Blocks_take_the_bytes_of_llama_cpp() => Assert.Equal(
        (1024L * 4 * 34, 1024L * 4 * 18), (new PerBlockFormat { Bits = 8 }.Bytes(1024, 128), new PerBlockFormat { Bits = 4 }.Bytes(1024, 128)));

    [Property(MaxTest = 1000)]
    public void The_largest_are_chosen_and_the_earlier_of_equal_ones(Many some, bool more, Pick part, Pick most, Pick differences, RandomData data)
    {
        int count = more ? 25 * some : some, chosen = most.Of(part.Of(Math.Min(count, 2)), part.Of(Math.Min(count, 300)), part.Of(count + 1), count);
        // Few different values make many ties.
        double different = Math.Pow(10, differences.Of(0, 1, 3, 6));
        float[] values = [.. data.Row(count).Select(number => (float)Math.Floor(different * number))];
        var indices = new int[chosen];
        TopK.Select(values, indices);
        Assert.Equal(Enumerable.Range(0, count).OrderByDescending(i => values[i]).ThenBy(i => i).Take(chosen).Order(), indices);
    }

    [Property(MaxTest = 200)]
    public void A_ring_of_rows_forgets_the_oldest(Many capacity, Many headDim, Many count, Pick atFirst, ExactPrecision precision, RandomData data)
    {
        int tokens = count - 1, half = atFirst.Of(tokens + 1);
        float[][] rows = data.Rows(tokens, headDim);
        using Arena arena = new("rows", CacheBytes.Align(capacity * headDim * precision.Bytes()));
        ExactRows ring = new(arena, capacity, headDim, precision);
        for (int i = 0; i < half; i++)
            ring.Write(i, rows[i]);
        ring.WriteRange(half, [.. rows[half..].SelectMany(row => row)]);
        for (int i = Math.Max(0, tokens - capacity); i < tokens; i++)
        {
            var row = new float[headDim];
            ring.Read(i, row);
            Assert.Equal(precision == ExactPrecision.Float32 ? rows[i] : rows[i].Select(PlainHead.BrainFloat), row);
        }
    }

    [Property(MaxTest = 200)]
    public void Values_in_panels_are_summed_by_weights(
        Many room, Many headDim, Many tokens, Few n, Pick atFirst, Pick skipped, Pick asked, Pick padding, ExactPrecision precision, RandomData data)
    {
        int capacity = (room + 1) / 2, half = atFirst.Of(tokens + 1);
        float[][] values = data.Rows(tokens, headDim);
        using Arena arena = new("values", CacheBytes.Align(capacity * headDim * precision.Bytes()));
        ValuePanels panels = new(arena, capacity, headDim, precision);
        Assert.Equal(arena.Capacity, arena.Used);
        panels.WriteRange(0, [.. values[..half].SelectMany(value => value)]);
        for (int i = half; i < tokens; i++)
            panels.Write(i, values[i]);

        int oldest = Math.Max(0, tokens - capacity), from = oldest + skipped.Of(tokens - oldest), to = from + asked.Of(tokens - from + 1), stride = to - from + padding.Of(4);
        float[] weights = data.Row(n * stride, 1), outputs = data.Row(n * headDim, 2), sums = [.. outputs];
        panels.AddWeighted(weights, stride, from, to, sums);
        for (int i = 0; i < sums.Length; i++)
        {
            (int query, int channel) = Math.DivRem(i, headDim);
            double sum = Enumerable.Range(from, to - from).Sum(token => (double)weights[(query * stride) + token - from] * Stored(values[token][channel]));
            Assert.Equal(outputs[i] + sum, sums[i], 1e-4);
        }

        double Stored(float element) => precision == ExactPrecision.Float32 ? element : PlainHead.BrainFloat(element);
    }

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
}
