using System.Text.Json.Serialization;

namespace TailorKV.Planner.Policies.Codes;

/// <summary>
/// As <see cref="PerTokenFormat"/>, of keys or values turned by an orthonormal Hadamard matrix first: outliers spread over all channels, so that a
/// group's range is smaller. The query is turned once a step in place of the keys, and the output turned back once.
/// </summary>
public sealed record RotatedAffineFormat : SingleWidthFormat
{
    /// <summary>Channels that share a token's scale and zero: 32 or 64.</summary>
    [JsonRequired]
    public int Group { get; init; } = 32;

    /// <inheritdoc/>
    public override string Describe() => $"{Bits}-bit rotated affine g{Group}";

    /// <inheritdoc/>
    public override long Bytes(int tokens, int headDim) => PerTokenFormat.Bytes(tokens, headDim, Bits, Group);

    /// <inheritdoc/>
    public override string? Problem() => Outside([2, 3, 4, 8], Group, [32, 64]);
}
