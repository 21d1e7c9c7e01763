using FsCheck;
using FsCheck.Fluent;
using TailorKV.Planner.Models;
using TailorKV.Runtime.Attention;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Tests.Cache;
using TailorKV.Runtime.Weights.Panels;
using TailorKV.Testing;
using static TailorKV.Runtime.Tests.Property;

namespace TailorKV.Runtime.Tests.Attention;

public sealed class PrefillAttentionTests
{
    [Fact]
    public void Chunks_attend_as_a_plain_loop_does() => ForAll(60, random =>
    {
        int kvHeads = random.Next(1, 4), headDim = Gen.Elements(2, 6, 16, 24, 32, 40, 80).Draw(random);
        int first = Gen.Elements(0, 1, random.Next(300)).Draw(random), count = Gen.Elements(1, 31, 32, 33, random.Next(1, 150)).Draw(random);
        int tokens = first + count, stride = tokens + random.Next(3);
        LayerShape layer = new(kvHeads * random.Next(1, 4), kvHeads, headDim, random.Next(2) == 0 ? null : random.Next(1, tokens + 10));
        using Arena arena = new("buffers", 1L << 24);
        NativeBuffer<float> queries = Fill(arena, random, count * layer.Heads * headDim), keys = Fill(arena, random, kvHeads * stride * headDim), values = Fill(arena, random, kvHeads * stride * headDim);
        NativeBuffer<float> outputs = arena.Take<float>(queries.Length);
        outputs.Span.Fill(float.NaN);
        PrefillAttention.Run(layer, first, count, queries, keys, values, stride, outputs);

        // Every chunk's every row would take long; some are as good.
        foreach (int row in Enumerable.Range(0, count).Where(row => row < 2 || row == count - 1 || random.Next(10) == 0))
        {
            for (int head = 0; head < layer.Heads; head++)
            {
                int last = first + row, start = Math.Max(0, last + 1 - (layer.SlidingWindow ?? int.MaxValue));
                int kvRow = head / (layer.Heads / kvHeads) * stride, queryStart = ((row * layer.Heads) + head) * headDim;
                float[] query = queries.Slice(queryStart, headDim).ToArray();
                double[] weights = PlainHead.Softmax([.. Enumerable.Range(start, last + 1 - start)
                    .Select(key => PlainHead.Dot(query, keys.Slice((kvRow + key) * headDim, headDim).ToArray()))]);
                // A score rounds by a few units of what its products come to without their signs, which is as much of its weight.
                double products = Enumerable.Range(start, last + 1 - start)
                    .Max(key => query.Select((x, d) => Math.Abs((double)x * keys.Span[((kvRow + key) * headDim) + d])).Sum());
                double tolerance = 1e-6 + (8 * Math.Pow(2, -24) * products);
                for (int d = 0; d < headDim; d++)
                {
                    double expected = weights.Select((weight, i) => weight * values.Span[((kvRow + start + i) * headDim) + d]).Sum();
                    Assert.InRange(outputs.Span[queryStart + d], expected - tolerance, expected + tolerance);
                }
            }
        }
    });

    [Fact]
    public void A_row_does_not_depend_on_its_chunk_nor_on_the_width_of_vectors() => ForAll(30, random =>
    {
        int kvHeads = random.Next(1, 3), headDim = Gen.Elements(6, 16, 64).Draw(random), count = random.Next(2, 200), cut = random.Next(1, count);
        LayerShape layer = new(kvHeads * random.Next(1, 5), kvHeads, headDim, random.Next(2) == 0 ? null : random.Next(1, count));
        using Arena arena = new("buffers", 1L << 24);
        NativeBuffer<float> queries = Fill(arena, random, count * layer.Heads * headDim), outputs = arena.Take<float>(queries.Length);
        NativeBuffer<float> keys = Fill(arena, random, kvHeads * count * headDim), values = Fill(arena, random, kvHeads * count * headDim);
        PrefillAttention.Run(layer, 0, count, queries, keys, values, count, outputs);
        float[] whole = outputs.Span.ToArray();
        foreach (int lanes in new[] { 1, 8 }.Where(lanes => lanes <= PanelKernel.Widest))
        {
            outputs.Span.Fill(float.NaN);
            PrefillAttention.Run(layer, 0, count, queries, keys, values, count, outputs, lanes);
            Assert.Equal(whole, outputs.Span.ToArray());
        }

        int start = cut * layer.Heads * headDim;
        NativeBuffer<float> later = arena.Take<float>(queries.Length - start);
        queries.Span[start..].CopyTo(later.Span);
        PrefillAttention.Run(layer, cut, count - cut, later, keys, values, count, outputs);
        Assert.Equal(whole[start..], outputs.Slice(0, later.Length).ToArray());
    });

    private static NativeBuffer<float> Fill(Arena arena, Random random, int length)
    {
        NativeBuffer<float> buffer = arena.Take<float>(length);
        for (int i = 0; i < length; i++)
            buffer.Span[i] = (float)((4 * random.NextDouble()) - 2);
        return buffer;
    }
}
