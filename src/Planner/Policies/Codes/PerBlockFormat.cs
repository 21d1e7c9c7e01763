using TailorKV.Planner.Models;

namespace TailorKV.Planner.Policies.Codes;

/// <summary>
/// Keys or values in symmetric codes, x' = scale * code, with an fp16 scale and no zero for each token and block of 32 consecutive channels, the last block
/// being shorter where the head dimension is no whole number of blocks: the cache types q8_0 and q4_0 of llama.cpp, 34 and 18 bytes a block.
/// </summary>
public sealed record PerBlockFormat : SingleWidthFormat
{
    /// <summary>Channels that share a token's scale.</summary>
    public const int BlockChannels = 32;

    /// <summary>Bytes of a block's scale.</summary>
    public const int ScaleBytes = 2;

    /// <inheritdoc/>
    public override string Describe() => $"{Bits}-bit per block";

    /// <inheritdoc/>
    public override long Bytes(int tokens, int headDim) => Bytes(tokens, headDim, Bits);

    /// <inheritdoc/>
    public override string? Problem() => Outside([4, 8], 0, [0]);

    internal static long Bytes(int tokens, int headDim, int bits) =>
        CacheBytes.Align(PackedBytes(tokens, headDim, bits))
        + CacheBytes.Align((long)tokens * ((headDim + BlockChannels - 1) / BlockChannels) * ScaleBytes);
}
