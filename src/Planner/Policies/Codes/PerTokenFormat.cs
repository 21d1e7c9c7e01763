using System.Text.Json.Serialization;
using TailorKV.Planner.Models;

namespace TailorKV.Planner.Policies.Codes;

/// <summary>
/// Keys or values in asymmetric round-to-nearest codes, x' = scale * code + zero, with an fp16 scale and zero for each token and group of
/// consecutive channels, the last group being shorter where the head dimension is no whole number of groups (KIVI, arXiv 2402.02750).
/// </summary>
public sealed record PerTokenFormat : SingleWidthFormat
{
    /// <summary>Bytes of a group's scale and zero.</summary>
    public const int ScaleAndZeroBytes = 4;

    /// <summary>Channels that share a token's scale and zero: 32, 64 or 128.</summary>
    [JsonRequired]
    public int Group { get; init; } = 32;

    /// <inheritdoc/>
    public override string Describe() => $"{Bits}-bit per token g{Group}";

    /// <inheritdoc/>
    public override long Bytes(int tokens, int headDim) => Bytes(tokens, headDim, Bits, Group);

    /// <inheritdoc/>
    public override string? Problem() => Outside([1, 2, 3, 4, 8], Group, [32, 64, 128]);

    internal static long Bytes(int tokens, int headDim, int bits, int group) =>
        CacheBytes.Align(PackedBytes(tokens, headDim, bits))
        + CacheBytes.Align((long)tokens * ((headDim + group - 1) / group) * ScaleAndZeroBytes);
}
