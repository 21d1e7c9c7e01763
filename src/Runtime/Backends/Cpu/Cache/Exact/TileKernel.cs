using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Runtime.Numbers;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Exact;

/// <summary>
/// Dots of queries with uncoded keys that lie in tiles of <see cref="Tokens"/> tokens, [channels, tokens]: each lane of a vector is the sum of a token of its own, over channels in
/// their order, so that no sum across lanes is needed and all kernels have the same to the bit.
/// </summary>
internal abstract unsafe class TileKernel
{
    /// <summary>Tokens of a tile.</summary>
    public const int Tokens = FullPolicy.TileTokens;

    /// <summary>Tokens of each half of a tile, which <see cref="ITileElement"/> reads side by side.</summary>
    public const int Half = Tokens / 2;

    /// <summary>Bytes of an element.</summary>
    public abstract int ElementBytes { get; }

    /// <summary>A kernel.</summary>
    /// <param name="precision">How elements are stored.</param>
    /// <param name="lanes">Lanes of vectors: 16, 8, or 1 for the plain twin.</param>
    public static TileKernel Create(ExactPrecision precision, int lanes) =>
        precision == ExactPrecision.Float32 ? Create<SingleTile>(lanes) : Create<BrainFloatTile>(lanes);

    /// <summary>Writes a token's key.</summary>
    /// <param name="tile">Where its tile begins.</param>
    /// <param name="token">Its place in the tile.</param>
    /// <param name="key">[channels].</param>
    public abstract void Write(byte* tile, int token, ReadOnlySpan<float> key);

    /// <summary>dots[query * stride + token] = query . key, for all tokens of tiles that follow each other.</summary>
    /// <param name="tiles">Where they begin.</param>
    /// <param name="count">Tiles.</param>
    /// <param name="channels">Elements of a key.</param>
    /// <param name="queries">[n, channels].</param>
    /// <param name="n">Queries.</param>
    /// <param name="dots">[n, stride].</param>
    /// <param name="stride">From one query's dots to the next's.</param>
    public abstract void Dots(byte* tiles, int count, int channels, float* queries, int n, float* dots, nint stride);

    private static PlainTileKernel<TElement> Create<TElement>(int lanes)
        where TElement : struct, ITileElement => lanes switch
        {
            16 => new VectorTileKernel<TElement, Lanes512>(),
            8 => new VectorTileKernel<TElement, Lanes256>(),
            _ => new PlainTileKernel<TElement>(),
        };
}
