using TailorKV.Planner.Models;

namespace TailorKV.Planner.Policies.Codes;

/// <summary>
/// Keys or values turned by an orthonormal Hadamard matrix, after which every coordinate is nearly normal: one fp16 norm a token and KV head, and
/// codes of the Lloyd-Max levels of a unit normal (TurboQuant, arXiv 2504.19874).
/// </summary>
public sealed record RotatedNormalFormat : SingleWidthFormat
{
    /// <summary>Bytes of a token's norm.</summary>
    public const int NormBytes = 2;

    /// <inheritdoc/>
    public override string Describe() => $"{Bits}-bit rotated normal";

    /// <inheritdoc/>
    public override long Bytes(int tokens, int headDim) =>
        CacheBytes.Align(PackedBytes(tokens, headDim, Bits)) + CacheBytes.Align((long)tokens * NormBytes);

    /// <inheritdoc/>
    public override string? Problem() => Outside([1, 2, 3, 4], 0, [0]);
}
