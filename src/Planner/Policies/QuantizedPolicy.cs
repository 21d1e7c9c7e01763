using System.Text.Json.Serialization;
using TailorKV.Planner.Models;

namespace TailorKV.Planner.Policies;

/// <summary>
/// Codes of everything on the device; the first tokens (sinks) and the newest (the residual window) stay exact. Tokens leave the window a
/// block at a time, so it holds between <see cref="Residual"/> and <see cref="Residual"/> + <see cref="BlockTokens"/> - 1 of them once it is full.
/// </summary>
public sealed record QuantizedPolicy : LayerPolicy
{
    /// <summary>Bits of a key's code: 1, 2, 4 or 8.</summary>
    public required int KeyBits { get; init; }

    /// <summary>Bits of a value's code: 1, 2, 4 or 8. Values are coded per token.</summary>
    public required int ValueBits { get; init; }

    /// <summary>The axis of the keys' groups.</summary>
    public KeyAxis KeyAxis { get; init; } = KeyAxis.PerChannel;

    /// <summary>Elements that share a scale and zero: 32, 64 or 128.</summary>
    public int Group { get; init; } = 32;

    /// <summary>Newest tokens that stay exact, at least.</summary>
    public int Residual { get; init; } = 32;

    /// <summary>First tokens that stay exact.</summary>
    public int Sinks { get; init; }

    /// <summary>How the exact tokens are stored.</summary>
    public ExactPrecision Precision { get; init; } = ExactPrecision.BFloat16;

    /// <inheritdoc/>
    [JsonIgnore]
    public override string Kind => "quantized";

    /// <summary>Tokens that leave the residual window at once: a group where keys are coded per channel, else one.</summary>
    [JsonIgnore]
    public int BlockTokens => KeyAxis == KeyAxis.PerChannel ? Group : 1;

    /// <summary>The most tokens that can be coded when the cache holds <paramref name="context"/> tokens.</summary>
    public int CodedCapacity(int context) => Math.Max(0, context - Sinks - Residual) / BlockTokens * BlockTokens;

    /// <inheritdoc/>
    public override string Describe() =>
        $"K{KeyBits}V{ValueBits} {(KeyAxis == KeyAxis.PerChannel ? "per channel" : "per token")} g{Group}"
        + $", {(Sinks > 0 ? $"{Sinks} sinks, " : "")}residual {Residual}";

    /// <inheritdoc/>
    public override CacheBytes BytesPerKvHead(LayerShape layer, int context)
    {
        int coded = CodedCapacity(context);
        long keys = KeyAxis == KeyAxis.PerChannel
            ? AffineCodes.PerChannelBytes(coded, layer.HeadDim, KeyBits, Group)
            : AffineCodes.PerTokenBytes(coded, layer.HeadDim, KeyBits, Group);
        long values = AffineCodes.PerTokenBytes(coded, layer.HeadDim, ValueBits, Group);
        long exact = 2 * (CacheBytes.Align((long)Sinks * layer.HeadDim * Precision.Bytes())
            + CacheBytes.Align((long)(Residual + BlockTokens) * layer.HeadDim * Precision.Bytes()));
        return new CacheBytes(keys + values + exact, 0, 0);
    }

    /// <inheritdoc/>
    public override string? Problem(LayerShape layer, int layerIndex) =>
        AffineCodes.Problem(KeyBits, Group) ?? AffineCodes.Problem(ValueBits, Group)
        ?? (Residual is < 0 or > 1 << 20 ? $"a residual window of {Residual} tokens is outside 0 to {1 << 20}"
        : Sinks is < 0 or > 1 << 20 ? $"{Sinks} sinks are outside 0 to {1 << 20}"
        : layer.SlidingWindow is not null ? "a layer with a sliding window keeps its window in full"
        : null);
}
