using TailorKV.Planner.Models;

namespace TailorKV.Planner.Policies.Codes;

/// <summary>
/// Values with their bits along the directions in which they are largest: the eigenvectors of E v v' of their KV head, the largest first, are cut into tiers of about equal size. Each tier is turned by a
/// Hadamard matrix of its own and divided by its usual size, and gets codes of the Lloyd-Max levels of a unit normal, of its own number of bits. One fp16 size a token and KV head is for all tiers.
/// A step turns the weighted sum of coded values back, once for each query head; the directions that have bits lie beside the codes for that, in fp16 (docs/policies.md).
/// </summary>
public sealed record PrincipalNormalFormat : TieredFormat
{
    /// <summary>Bytes of one element of a direction.</summary>
    public const int DirectionBytes = 2;

    /// <inheritdoc/>
    public override string Describe() => $"{string.Join('-', Tiers)}-bit principal";

    /// <inheritdoc/>
    public override long Bytes(int tokens, int headDim) => base.Bytes(tokens, headDim) + CacheBytes.Align((long)CodedChannels(headDim) * headDim * DirectionBytes);

    /// <inheritdoc/>
    /// <remarks>A new token's value is turned for each KV head, and a sum of coded values back for each query head.</remarks>
    public override long TurningMultiplyAdds(LayerShape layer) => ((long)layer.KvHeads + layer.Heads) * CodedChannels(layer.HeadDim) * layer.HeadDim;
}
