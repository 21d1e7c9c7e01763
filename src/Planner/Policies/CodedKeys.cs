using System.Text.Json.Serialization;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies.Codes;

namespace TailorKV.Planner.Policies;

/// <summary>Low-bit codes of the keys, resident on the device: nothing but the chosen tokens crosses the host link.</summary>
/// <param name="Keys">How they are coded: per channel in 1, 2 or 4 bits, rotated normal in 1 or 2, in tiers of any bits, or rotated affine in 8, which is as good as the keys themselves.</param>
public sealed record CodedKeys(CodeFormat Keys) : KeyIndex
{
    /// <inheritdoc/>
    [JsonIgnore]
    public override int BlockTokens => Keys.BlockTokens;

    /// <inheritdoc/>
    [JsonIgnore]
    public override bool NeedsCalibration => Keys.NeedsCalibration;

    /// <inheritdoc/>
    public override string Describe() => $"{Keys.Describe()} keys";

    /// <inheritdoc/>
    public override CacheBytes BytesPerKvHead(int headDim, int tokens) => new(Keys.Bytes(tokens, headDim), 0, 0);

    /// <inheritdoc/>
    public override string? Problem(int headDim, int layerIndex) =>
        Keys is PerChannelFormat { Bits: 1 or 2 or 4 } or RotatedNormalFormat { Bits: 1 or 2 } or RotatedAffineFormat { Bits: 8 } or TieredNormalFormat
            ? Keys.Problem()
            : $"an index of {Keys.Describe()} keys is not one of 1, 2, 4 bits per channel, 1, 2 bits rotated normal, tiers and 8 bits rotated affine";
}
