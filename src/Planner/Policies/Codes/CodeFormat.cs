using System.Text.Json.Serialization;
using TailorKV.Planner.Models;

namespace TailorKV.Planner.Policies.Codes;

/// <summary>How keys or values are coded in a few bits an element. The runtime has codes of the same name that encode, score and sum.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "kind")]
[JsonDerivedType(typeof(PerChannelFormat), "perChannel")]
[JsonDerivedType(typeof(PerTokenFormat), "perToken")]
[JsonDerivedType(typeof(PerBlockFormat), "perBlock")]
[JsonDerivedType(typeof(RotatedAffineFormat), "rotatedAffine")]
[JsonDerivedType(typeof(RotatedBlockFormat), "rotatedBlock")]
[JsonDerivedType(typeof(RotatedNormalFormat), "rotatedNormal")]
[JsonDerivedType(typeof(TieredNormalFormat), "tieredNormal")]
[JsonDerivedType(typeof(PrincipalNormalFormat), "principalNormal")]
public abstract record CodeFormat
{
    /// <summary>Bits of a code, mean over a key's or value's elements.</summary>
    [JsonIgnore]
    public abstract double MeanBits { get; }

    /// <summary>Whether codes are made by what is known of a layer's queries, keys or values: a <see cref="KeyCalibration"/>.</summary>
    [JsonIgnore]
    public virtual bool NeedsCalibration => false;

    /// <summary>Tokens coded at once: a group where scales are shared along tokens, else one.</summary>
    [JsonIgnore]
    public virtual int BlockTokens => 1;

    /// <summary>In a few words, for tables.</summary>
    public abstract string Describe();

    /// <summary>Bytes for one KV head.</summary>
    /// <param name="tokens">Tokens coded, a whole number of blocks.</param>
    /// <param name="headDim">Elements of a token's key or value.</param>
    public abstract long Bytes(int tokens, int headDim);

    /// <summary>Multiply-adds of a step that turn by a matrix which is kept beside the codes, of all heads of a layer; Hadamard matrices take none.</summary>
    /// <param name="layer">The layer's shape.</param>
    public virtual long TurningMultiplyAdds(LayerShape layer) => 0;

    /// <summary>What is out of range, or null.</summary>
    public abstract string? Problem();

    /// <summary>Tokens whose codes lie together, in words of 32 bits; of the last ones, fewer take as much.</summary>
    public const int PackedTokens = 32;

    /// <summary>Bytes of the codes of one KV head's keys or values, without scales.</summary>
    /// <param name="tokens">Tokens coded; they take as much as whole packs of <see cref="PackedTokens"/>.</param>
    /// <param name="headDim">Elements of a token's key or value; they take as much as <see cref="PackedChannels"/>.</param>
    /// <param name="bits">Bits of a code.</param>
    public static long PackedBytes(int tokens, int headDim, int bits) => RoomBytes(tokens, PackedChannels(headDim, bits), bits);

    /// <summary>Channels that a pack has room for: a whole number of words a token (of 1 bit, which 3 and 5 bits have too, 32 codes, of 2 bits 16), and of eights.</summary>
    public static int PackedChannels(int headDim, int bits)
    {
        int whole = bits % 2 == 1 ? 32 : bits == 2 ? 16 : 8;
        return (headDim + whole - 1) / whole * whole;
    }

    private protected static long RoomBytes(int tokens, int channels, int bits) => ((long)tokens + PackedTokens - 1) / PackedTokens * PackedTokens * channels * bits / 8;
}
