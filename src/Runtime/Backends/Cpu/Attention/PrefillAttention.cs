using TailorKV.Planner.Models;
using TailorKV.Runtime.Backends.Cpu.Panels;
using TailorKV.Runtime.Backends.Cpu.Threads;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Numbers;

namespace TailorKV.Runtime.Backends.Cpu.Attention;

/// <summary>
/// Exact causal attention of a chunk of a prompt over everything before it, in tiles of queries and keys with a running softmax
/// (FlashAttention, arXiv 2205.14135), so that no score matrix is kept.
/// </summary>
internal static class PrefillAttention
{
    /// <summary>Attends with every query of a chunk.</summary>
    /// <param name="pool">The threads that do it.</param>
    /// <param name="layer">The layer's shape.</param>
    /// <param name="first">Position of the chunk's first token.</param>
    /// <param name="count">Tokens of the chunk.</param>
    /// <param name="queries">[count, heads, headDim], scaled.</param>
    /// <param name="keys">[kvHeads, stride, headDim], after RoPE, the chunk's own included.</param>
    /// <param name="values">The same shape.</param>
    /// <param name="stride">Tokens from one KV head to the next.</param>
    /// <param name="outputs">[count, heads, headDim].</param>
    /// <param name="softCap">The <see cref="SoftCap"/> of scores, or null.</param>
    public static void Run(
        WorkerPool pool, LayerShape layer, int first, int count, NativeBuffer<float> queries, NativeBuffer<float> keys, NativeBuffer<float> values, int stride,
        NativeBuffer<float> outputs, float? softCap) => Run(pool, layer, first, count, queries, keys, values, stride, outputs, softCap, PanelKernel.Widest);

    /// <summary>The same in vectors of <paramref name="lanes"/> elements, as in <see cref="PanelKernel.Multiply"/>.</summary>
    internal static void Run(
        WorkerPool pool, LayerShape layer, int first, int count, NativeBuffer<float> queries, NativeBuffer<float> keys, NativeBuffer<float> values, int stride,
        NativeBuffer<float> outputs, float? softCap, int lanes)
    {
        PrefillTile tiles = new(layer, first, count, queries, keys, values, stride, outputs, softCap, lanes);
        pool.Run(tiles.Parts, tiles);
    }
}
