using System.Text.Json.Serialization;

namespace TailorKV.Planner.Policies;

/// <summary>Low-bit codes of the keys, per channel, resident on the device: nothing but the chosen tokens crosses the host link.</summary>
/// <param name="Bits">Bits of a code: 1, 2 or 4.</param>
/// <param name="Group">Tokens that share a channel's scale and zero: 32, 64 or 128.</param>
public sealed record CodedKeys(int Bits, int Group = 64) : KeyIndex
{
    /// <inheritdoc/>
    [JsonIgnore]
    public override int BlockTokens => Group;

    /// <inheritdoc/>
    public override string Describe() => $"{Bits}-bit keys g{Group}";

    /// <inheritdoc/>
    public override CacheBytes BytesPerKvHead(int headDim, int tokens) => new(AffineCodes.PerChannelBytes(tokens, headDim, Bits, Group), 0, 0);

    /// <inheritdoc/>
    public override string? Problem(int headDim, int layerIndex) =>
        Bits > 4 ? $"an index of {Bits} bits is not one of 1, 2, 4" : AffineCodes.Problem(Bits, Group);
}
