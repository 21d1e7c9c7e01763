using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using TailorKV.Planner.Models;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Weights;

namespace TailorKV.Runtime.Attention;

/// <summary>
/// Exact causal attention of a chunk of a prompt over everything before it, in tiles of queries and keys with a running softmax
/// (FlashAttention, arXiv 2205.14135), so that no score matrix is kept.
/// </summary>
internal static class PrefillAttention
{
    private const int QueryTile = 32;
    private const int KeyTile = 128;

    /// <summary>Attends with every query of a chunk.</summary>
    /// <param name="layer">The layer's shape.</param>
    /// <param name="first">Position of the chunk's first token.</param>
    /// <param name="count">Tokens of the chunk.</param>
    /// <param name="queries">[count, heads, headDim], scaled by 1 / sqrt(headDim).</param>
    /// <param name="keys">[kvHeads, stride, headDim], after RoPE, the chunk's own included.</param>
    /// <param name="values">The same shape.</param>
    /// <param name="stride">Tokens from one KV head to the next.</param>
    /// <param name="outputs">[count, heads, headDim].</param>
    public static void Run(
        LayerShape layer, int first, int count, NativeBuffer<float> queries, NativeBuffer<float> keys, NativeBuffer<float> values, int stride,
        NativeBuffer<float> outputs)
    {
        int tiles = (count + QueryTile - 1) / QueryTile;
        int group = layer.Heads / layer.KvHeads;
        int headDim = layer.HeadDim;
        Parallel.For(0, tiles * layer.Heads, task =>
        {
            int head = task % layer.Heads;
            // The last tiles see the most keys; starting with them leaves the short ones to even out the threads.
            int row = (tiles - 1 - (task / layer.Heads)) * QueryTile;
            int kvStart = head / group * stride * headDim;
            int start = ((row * layer.Heads) + head) * headDim;
            int rows = Math.Min(QueryTile, count - row);
            int kvLength = (first + row + rows) * headDim;
            RunTile(
                layer, first + row, rows, queries.Span[start..], keys.Slice(kvStart, kvLength), values.Slice(kvStart, kvLength), outputs.Span[start..]);
        });
    }

    [SkipLocalsInit]
    private static void RunTile(
        LayerShape layer, int position, int rows, ReadOnlySpan<float> queries, ReadOnlySpan<float> keys, ReadOnlySpan<float> values, Span<float> outputs)
    {
        int headDim = layer.HeadDim;
        int rowStride = layer.Heads * headDim;
        int window = layer.SlidingWindow ?? int.MaxValue;
        Span<float> scores = stackalloc float[QueryTile * KeyTile];
        Span<float> largest = stackalloc float[QueryTile];
        Span<float> sums = stackalloc float[QueryTile];
        largest.Fill(float.NegativeInfinity);
        sums.Clear();
        for (int row = 0; row < rows; row++)
            outputs.Slice(row * rowStride, headDim).Clear();

        int firstKey = Math.Max(0, position - window + 1);
        for (int key = firstKey; key < position + rows; key += KeyTile)
        {
            int count = Math.Min(KeyTile, position + rows - key);
            ReadOnlySpan<float> tile = keys.Slice(key * headDim, count * headDim);
            MatrixKernel.MultiplyTransposed(queries, rows, tile, count, headDim, rowStride, headDim, scores, KeyTile);
            for (int row = 0; row < rows; row++)
            {
                int from = Math.Clamp(position + row - window + 1 - key, 0, count);
                int to = Math.Clamp(position + row + 1 - key, 0, count);
                Span<float> all = scores.Slice(row * KeyTile, count);
                all[..from].Clear();
                all[to..].Clear();
                if (from >= to)
                {
                    all.Clear();
                    continue;
                }

                Span<float> seen = all[from..to];
                float newLargest = Math.Max(largest[row], TensorPrimitives.Max(seen));
                float shrink = MathF.Exp(largest[row] - newLargest);
                TensorPrimitives.Subtract(seen, newLargest, seen);
                TensorPrimitives.Exp(seen, seen);
                sums[row] = (sums[row] * shrink) + TensorPrimitives.Sum(seen);
                largest[row] = newLargest;
                Span<float> output = outputs.Slice(row * rowStride, headDim);
                TensorPrimitives.Multiply(output, shrink, output);
            }

            ValueKernel.AddProduct(scores, rows, KeyTile, values.Slice(key * headDim, count * headDim), count, headDim, outputs, rowStride);
        }

        for (int row = 0; row < rows; row++)
        {
            Span<float> output = outputs.Slice(row * rowStride, headDim);
            TensorPrimitives.Divide(output, sums[row], output);
        }
    }
}
