using System.Text.Json.Serialization;

namespace TailorKV.Planner.Policies.Codes;

/// <summary>How keys or values are coded in a few bits an element. The runtime has codes of the same name that encode, score and sum.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "kind")]
[JsonDerivedType(typeof(PerChannelFormat), "perChannel")]
[JsonDerivedType(typeof(PerTokenFormat), "perToken")]
[JsonDerivedType(typeof(PerBlockFormat), "perBlock")]
[JsonDerivedType(typeof(RotatedAffineFormat), "rotatedAffine")]
[JsonDerivedType(typeof(RotatedBlockFormat), "rotatedBlock")]
[JsonDerivedType(typeof(RotatedNormalFormat), "rotatedNormal")]
public abstract record CodeFormat
{
    /// <summary>Bits of a code.</summary>
    [JsonPropertyOrder(-1)]
    public required int Bits { get; init; }

    /// <summary>Tokens coded at once: a group where scales are shared along tokens, else one.</summary>
    [JsonIgnore]
    public virtual int BlockTokens => 1;

    /// <summary>In a few words, for tables.</summary>
    public abstract string Describe();

    /// <summary>Bytes for one KV head.</summary>
    /// <param name="tokens">Tokens coded, a whole number of blocks.</param>
    /// <param name="headDim">Elements of a token's key or value.</param>
    public abstract long Bytes(int tokens, int headDim);

    /// <summary>What is out of range, or null.</summary>
    public abstract string? Problem();

    /// <summary>Bytes that a number of codes are packed into: 3 bits lie as a plane of 2 and a plane of 1, each a whole number of bytes.</summary>
    public static int PackedBytes(int count, int bits) =>
        bits == 3 ? PackedBytes(count, 2) + PackedBytes(count, 1) : ((count * bits) + 7) / 8;

    /// <summary>What is wrong with a bit width or group size, or null.</summary>
    private protected string? Outside(int[] bitWidths, int group, int[] groups) =>
        !bitWidths.Contains(Bits) ? $"{Bits} bits is not one of {string.Join(", ", bitWidths)}"
        : !groups.Contains(group) ? $"group size {group} is not one of {string.Join(", ", groups)}"
        : null;
}
