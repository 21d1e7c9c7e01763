using System.Text;
using System.Text.Json.Serialization;
using TailorKV.Planner.Models;

namespace TailorKV.Planner.Policies.Codes;

/// <summary>
/// A format whose channels are cut into tiers of about equal size, each with codes of its own number of bits, of the Lloyd-Max levels of a unit normal. One fp16 size a token and KV head is for all tiers.
/// </summary>
public abstract record TieredFormat : CodeFormat
{
    /// <summary>The most bits of a tier.</summary>
    public const int MostBits = 5;

    /// <summary>Bytes of a token's size.</summary>
    public const int SizeBytes = 2;

    /// <summary>Bits of a code in each tier, 0 to <see cref="MostBits"/>, the tier that counts most first; 2 or 4 tiers.</summary>
    public required IReadOnlyList<int> Tiers { get; init; }

    /// <inheritdoc/>
    [JsonIgnore]
    public override double MeanBits => Tiers.Average();

    /// <inheritdoc/>
    [JsonIgnore]
    public override bool NeedsCalibration => true;

    /// <summary>Channels of each tier: nearly as many in all, in multiples of 16 where there are so many, so that packs have no gaps; the last takes what is left.</summary>
    /// <param name="headDim">Elements of a key or value.</param>
    public IReadOnlyList<int> TierChannels(int headDim)
    {
        int whole = 16;
        while (whole > 1 && whole * Tiers.Count > headDim)
            whole /= 2;
        int[] ends = [.. Enumerable.Range(1, Tiers.Count).Select(tier => tier == Tiers.Count ? headDim : (int)((long)tier * headDim / Tiers.Count) / whole * whole)];
        return [.. ends.Select((end, tier) => end - (tier == 0 ? 0 : ends[tier - 1]))];
    }

    /// <summary>Channels of the tiers that have bits.</summary>
    /// <inheritdoc cref="TierChannels"/>
    public int CodedChannels(int headDim) => Tiers.Zip(TierChannels(headDim), (bits, channels) => bits > 0 ? channels : 0).Sum();

    /// <summary>Channels that a tier's pack has room for: whole words of 16 bits a token.</summary>
    /// <param name="channels">Channels of the tier.</param>
    /// <param name="bits">Bits of its codes.</param>
    public static int TierRoom(int channels, int bits)
    {
        int whole = bits % 2 == 1 ? 16 : 8;
        return (channels + whole - 1) / whole * whole;
    }

    /// <inheritdoc/>
    public override long Bytes(int tokens, int headDim) => CacheBytes.Align((long)tokens * SizeBytes)
        + Tiers.Zip(TierChannels(headDim), (bits, channels) => CacheBytes.Align(RoomBytes(tokens, TierRoom(channels, bits), bits))).Sum();

    /// <inheritdoc/>
    public override string? Problem() =>
        Tiers.Count is not (2 or 4) ? $"{Tiers.Count} tiers are not 2 or 4"
        : Tiers.Any(bits => bits is < 0 or > MostBits) ? $"the tiers' bits {string.Join(", ", Tiers)} are not all within 0 to {MostBits}"
        : Tiers.All(bits => bits == 0) ? "no tier has bits"
        : null;

    /// <inheritdoc/>
    public virtual bool Equals(TieredFormat? other) => other is not null && EqualityContract == other.EqualityContract && Tiers.SequenceEqual(other.Tiers);

    /// <inheritdoc/>
    public override int GetHashCode() => Tiers.Aggregate(HashCode.Combine(EqualityContract, Tiers.Count), (hash, bits) => (hash * 31) + bits);

    /// <inheritdoc/>
    protected override bool PrintMembers(StringBuilder builder)
    {
        builder.Append(nameof(Tiers)).Append(" = ").AppendJoin('-', Tiers);
        return true;
    }
}
