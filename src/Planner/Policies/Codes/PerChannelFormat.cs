using System.Text.Json.Serialization;
using TailorKV.Planner.Models;

namespace TailorKV.Planner.Policies.Codes;

/// <summary>
/// Keys in asymmetric round-to-nearest codes, x' = scale * code + zero, with an fp16 scale and zero for each channel and group of consecutive
/// tokens: KIVI's choice for keys, whose outliers sit in channels (arXiv 2402.02750).
/// </summary>
public sealed record PerChannelFormat : SingleWidthFormat
{
    /// <summary>Tokens that share a channel's scale and zero: 32, 64 or 128.</summary>
    [JsonRequired]
    public int Group { get; init; } = 32;

    /// <inheritdoc/>
    [JsonIgnore]
    public override int BlockTokens => Group;

    /// <inheritdoc/>
    public override string Describe() => $"{Bits}-bit per channel g{Group}";

    /// <inheritdoc/>
    public override long Bytes(int tokens, int headDim) =>
        CacheBytes.Align(PackedBytes(tokens, headDim, Bits)) + CacheBytes.Align((long)(tokens / Group) * headDim * PerTokenFormat.ScaleAndZeroBytes);

    /// <inheritdoc/>
    public override string? Problem() => Outside([1, 2, 3, 4, 8], Group, [32, 64, 128]);
}
