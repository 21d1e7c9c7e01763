namespace TailorKV.Planner.Policies.Codes;

/// <summary>
/// As <see cref="PerBlockFormat"/>, of keys or values turned by an orthonormal Hadamard matrix first: what llama.cpp stores as q8_0 and q4_0 since it rotates
/// (its pull request 21038, March 2026).
/// </summary>
public sealed record RotatedBlockFormat : SingleWidthFormat
{
    /// <inheritdoc/>
    public override string Describe() => $"{Bits}-bit rotated block";

    /// <inheritdoc/>
    public override long Bytes(int tokens, int headDim) => PerBlockFormat.Bytes(tokens, headDim, Bits);

    /// <summary>Bytes of one token's row where it lies together, for each block its scale and then its codes: as many as llama.cpp's, 34 or 18 a whole block.</summary>
    /// <param name="headDim">Elements of the row.</param>
    public long RowBytes(int headDim) =>
        ((headDim + PerBlockFormat.BlockChannels - 1) / PerBlockFormat.BlockChannels * PerBlockFormat.ScaleBytes) + ((((long)headDim * Bits) + 7) / 8);

    /// <inheritdoc/>
    public override string? Problem() => Outside([4, 8], 0, [0]);
}
