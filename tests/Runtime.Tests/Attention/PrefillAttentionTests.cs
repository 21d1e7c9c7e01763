using FsCheck;
using FsCheck.Fluent;
using TailorKV.Planner.Models;
using TailorKV.Runtime.Attention;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Tests.Cache;
using TailorKV.Testing;

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
        NativeBuffer<float> queries = Fill(count * layer.Heads * headDim), keys = Fill(kvHeads * stride * headDim), values = Fill(kvHeads * stride * headDim);
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
                for (int d = 0; d < headDim; d++)
                {
                    double expected = weights.Select((weight, i) => weight * values.Span[((kvRow + start + i) * headDim) + d]).Sum();
                    Assert.InRange(outputs.Span[queryStart + d], expected - 1e-5, expected + 1e-5);
                }
            }
        }

        NativeBuffer<float> Fill(int length)
        {
            NativeBuffer<float> buffer = arena.Take<float>(length);
            for (int i = 0; i < length; i++)
                buffer.Span[i] = (float)((4 * random.NextDouble()) - 2);
            return buffer;
        }
    });

    [Fact]
    public unsafe void Weighted_sums_of_any_shape_agree_with_the_plain_twin() => ForAll(300, random =>
    {
        int rows = random.Next(1, 10), tokens = random.Next(1, 40), columns = random.Next(1, 70);
        int weightStride = tokens + random.Next(4), outputStride = columns + random.Next(4);
        float[] weights = Numbers(rows * weightStride), values = Numbers(tokens * columns), outputs = Numbers(rows * outputStride);
        float[] plain = [.. outputs];
        ValueKernel.AddProduct(weights, rows, weightStride, values, tokens, columns, outputs, outputStride);
        fixed (float* w = weights, v = values, o = plain)
            ValueKernel.Plain(w, 0, rows, weightStride, v, tokens, 0, columns, o, outputStride);
        // What lies between the rows stays as it was.
        for (int i = 0; i < plain.Length; i++)
            Assert.InRange(outputs[i], plain[i] - (i % outputStride < columns ? 1e-6f * tokens : 0), plain[i] + (i % outputStride < columns ? 1e-6f * tokens : 0));

        float[] Numbers(int count) => [.. Enumerable.Range(0, count).Select(_ => (float)((2 * random.NextDouble()) - 1))];
    });

    private static void ForAll(int cases, Action<Random> body) => Check.One(
        Config.QuickThrowOnFailure.WithMaxTest(cases), Prop.ForAll(Gen.Choose(0, int.MaxValue - 1).ToArbitrary(), seed => body(new Random(seed))));
}
