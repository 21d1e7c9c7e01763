using FsCheck;
using FsCheck.Xunit;
using TailorKV.Planner.Models;
using TailorKV.Runtime.Backends.Cpu.Attention;
using TailorKV.Runtime.Backends.Cpu.Panels;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Tests.Backends.Cpu.Cache;

namespace TailorKV.Runtime.Tests.Backends.Cpu.Attention;

public sealed class PrefillAttentionTests
{
    [Property(MaxTest = 60)]
    public void Chunks_attend_as_a_plain_loop_does(
        Pick heads, Pick query, Pick length, Pick before, Pick most, Many rows, Pick around32, bool windowed, Pick window, Pick padding, Pick capped, RandomData data)
    {
        Random random = data.Random(3);
        int kvHeads = 1 + heads.Of(3), headDim = length.Of(2, 6, 16, 24, 32, 40, 80);
        int first = before.Of(most.Of(1, 2, 300)), count = around32.Of(rows.Value, 1, 31, 32, 33);
        int tokens = first + count, stride = tokens + padding.Of(3);
        LayerShape layer = new(kvHeads * (1 + query.Of(3)), kvHeads, headDim, windowed ? 1 + window.Of(tokens + 9) : null);
        using Arena arena = new("buffers", 1L << 24);
        NativeBuffer<float> queries = Fill(arena, data, 0, count * layer.Heads * headDim), keys = Fill(arena, data, 1, kvHeads * stride * headDim), values = Fill(arena, data, 2, kvHeads * stride * headDim);
        NativeBuffer<float> outputs = arena.Take<float>(queries.Length);
        outputs.Span.Fill(float.NaN);
        float? cap = capped.Of<float?>(null, 0.5f, 30);
        PrefillAttention.Run(TestThreads.Pool, layer, first, count, queries, keys, values, stride, outputs, cap);

        // Every chunk's every row would take long; some are as good.
        foreach (int row in Enumerable.Range(0, count).Where(row => row < 2 || row == count - 1 || random.Next(10) == 0))
        {
            for (int head = 0; head < layer.Heads; head++)
            {
                int last = first + row, start = Math.Max(0, last + 1 - (layer.SlidingWindow ?? int.MaxValue));
                int kvRow = head / (layer.Heads / kvHeads) * stride, queryStart = ((row * layer.Heads) + head) * headDim;
                float[] numbers = queries.Slice(queryStart, headDim).ToArray();
                double[] weights = PlainHead.Softmax([.. Enumerable.Range(start, last + 1 - start)
                    .Select(key => PlainHead.Capped(PlainHead.Dot(numbers, keys.Slice((kvRow + key) * headDim, headDim).ToArray()), cap))]);
                // A score rounds by a few units of what its products come to without their signs, which is as much of its weight.
                double products = Enumerable.Range(start, last + 1 - start)
                    .Max(key => numbers.Select((x, d) => Math.Abs((double)x * keys.Span[((kvRow + key) * headDim) + d])).Sum());
                double tolerance = 1e-6 + (3e-7 * (cap ?? 0)) + (8 * Math.Pow(2, -24) * products);
                for (int d = 0; d < headDim; d++)
                {
                    double expected = weights.Select((weight, i) => weight * values.Span[((kvRow + start + i) * headDim) + d]).Sum();
                    Assert.InRange(outputs.Span[queryStart + d], expected - tolerance, expected + tolerance);
                }
            }
        }
    }

    [Property(MaxTest = 30)]
    public void A_row_does_not_depend_on_its_chunk_nor_on_the_width_of_vectors(
        bool two, Pick query, Pick length, Many rows, Pick before, bool windowed, Pick window, bool capped, RandomData data)
    {
        int kvHeads = two ? 2 : 1, headDim = length.Of(6, 16, 64), count = 1 + rows, cut = 1 + before.Of(rows);
        LayerShape layer = new(kvHeads * (1 + query.Of(4)), kvHeads, headDim, windowed ? 1 + window.Of(rows) : null);
        using Arena arena = new("buffers", 1L << 24);
        NativeBuffer<float> queries = Fill(arena, data, 0, count * layer.Heads * headDim), outputs = arena.Take<float>(queries.Length);
        NativeBuffer<float> keys = Fill(arena, data, 1, kvHeads * count * headDim), values = Fill(arena, data, 2, kvHeads * count * headDim);
        float? cap = capped ? 2 : null;
        PrefillAttention.Run(TestThreads.Pool, layer, 0, count, queries, keys, values, count, outputs, cap);
        float[] whole = outputs.Span.ToArray();
        foreach (int lanes in new[] { 1, 8 }.Where(lanes => lanes <= PanelKernel.Widest))
        {
            outputs.Span.Fill(float.NaN);
            PrefillAttention.Run(TestThreads.Pool, layer, 0, count, queries, keys, values, count, outputs, cap, lanes);
            Assert.Equal(whole, outputs.Span.ToArray());
        }

        int start = cut * layer.Heads * headDim;
        NativeBuffer<float> later = arena.Take<float>(queries.Length - start);
        queries.Span[start..].CopyTo(later.Span);
        PrefillAttention.Run(TestThreads.Pool, layer, cut, count - cut, later, keys, values, count, outputs, cap);
        Assert.Equal(whole[start..], outputs.Slice(0, (int)later.Length).ToArray());
    }

    private static NativeBuffer<float> Fill(Arena arena, RandomData data, int stream, int length)
    {
        NativeBuffer<float> buffer = arena.Take<float>(length);
        data.Row(length, stream).Select(number => 2 * number).ToArray().CopyTo(buffer.Span);
        return buffer;
    }
}
