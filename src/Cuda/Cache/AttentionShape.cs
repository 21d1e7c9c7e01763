using System.Globalization;
using TailorKV.Cuda.Compiling;
using TailorKV.Planner;
using TailorKV.Planner.Models;

namespace TailorKV.Cuda.Cache;

/// <summary>How attention.cuh is compiled for a layer's shape: HEAD_DIM, and as GROUP so many of the queries that share a KV head as a block does at once.</summary>
internal sealed class AttentionShape
{
    /// <summary>Threads of a block.</summary>
    public const int Threads = 128;

    private const int MostShared = 40 << 10, Warps = 4, MostHeadDim = 512;

    private readonly int _headDim;

    /// <summary>Chooses.</summary>
    /// <param name="layer">The layer's shape.</param>
    /// <param name="mostQueries">The most queries that a block does at once: of exact rows 8, of codes 4, whose numbers need registers too.</param>
    /// <exception cref="TailorKVException">Its heads have more channels than the kernels know.</exception>
    public AttentionShape(LayerShape layer, int mostQueries)
    {
        (_headDim, QueriesOfHead) = (layer.HeadDim, layer.Heads / layer.KvHeads);
        if (_headDim > MostHeadDim)
            throw new TailorKVException($"heads of {_headDim} channels are more than the CUDA kernels' {MostHeadDim}", "Run the model on the CPU or libtorch");
        // Their numbers lie in registers, and once in shared memory.
        int most = Math.Clamp(MostShared / (Warps * Partial * sizeof(float)), 1, mostQueries);
        Parts = (QueriesOfHead + most - 1) / most;
        Group = (QueriesOfHead + Parts - 1) / Parts;
    }

    /// <summary>Query heads that share a KV head.</summary>
    public int QueriesOfHead { get; }

    /// <summary>Of those, as many as a block does; the last block may have fewer.</summary>
    public int Group { get; }

    /// <summary>Blocks that share a KV head's queries.</summary>
    public int Parts { get; }

    /// <summary>Floats that a split leaves for each query: sums, the largest score, the sum of weights.</summary>
    public int Partial => _headDim + 2;

    /// <summary>A family's source for this shape.</summary>
    /// <param name="family">The family.</param>
    /// <param name="macros">Others of its macros.</param>
    public KernelSource Source(string family, params (string, string)[] macros) => new(family, [("HEAD_DIM", Text(_headDim)), ("GROUP", Text(Group)), .. macros]);

    /// <summary>Splits of a layer's tokens: about as many blocks as keep the card busy, each with enough tokens to be worth it, and no more than scores have room for.</summary>
    /// <param name="kvHeads">KV heads.</param>
    /// <param name="tokens">The most tokens.</param>
    /// <param name="processors">The card's multiprocessors.</param>
    public int Splits(int kvHeads, int tokens, int processors)
    {
        const int BlocksOfProcessor = 4, LeastTokens = 256;
        int wanted = Math.Max(1, BlocksOfProcessor * processors / (kvHeads * Parts)), worth = Math.Max(1, tokens / Math.Max(LeastTokens, Partial));
        return Math.Min(wanted, worth);
    }

    private static string Text(int value) => value.ToString(CultureInfo.InvariantCulture);
}
