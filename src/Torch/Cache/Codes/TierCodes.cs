using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Backends.Cpu.Cache.Packs;
using TailorKV.Torch.Memory;
using TailorKV.Torch.Numbers;
using TorchSharp;
using static TorchSharp.torch;

namespace TailorKV.Torch.Cache.Codes;

/// <summary>Turned rows in the codes of a <see cref="TieredFormat"/>: first an fp16 size for each token, [tokens, 1], which is for all tiers, then each tier's codes. Tiers without bits are left out.</summary>
internal sealed class TierCodes
{
    private readonly Tier[] _tiers;
    private readonly Tensor _sizes;

    /// <summary>Takes the memory.</summary>
    /// <param name="region">Where it comes from.</param>
    /// <param name="tokens">The most tokens.</param>
    /// <param name="format">The format.</param>
    /// <param name="headDim">Elements of a row.</param>
    public TierCodes(HeadRegion region, int tokens, TieredFormat format, int headDim)
    {
        _sizes = region.Take(ScalarType.Float16, tokens, 1);
        Coded = [.. format.TierChannels(headDim).Select((channels, tier) => (tier, channels)).Where(one => format.Tiers[one.tier] > 0 && one.channels > 0)];
        _tiers = [.. Coded.Select(one => new Tier(
            one.Channels,
            new PackedCodes(region, tokens, one.Channels, format.Tiers[one.Tier]),
            new LevelTable(TierLevels.Of(format.Tiers[one.Tier]), _sizes.device)))];
    }

    /// <summary>The tiers that have bits, and the channels of each.</summary>
    public (int Tier, int Channels)[] Coded { get; }

    /// <summary>The device that they lie on.</summary>
    public Device Place => _sizes.device;

    /// <summary>Codes consecutive tokens.</summary>
    /// <param name="first">The first token.</param>
    /// <param name="turned">[kvHeads, tokens, coded channels], f32.</param>
    /// <param name="weights">What a squared error of each counts: the square of what it was divided by, [kvHeads, 1, coded channels], in double precision.</param>
    public void Encode(int first, Tensor turned, Tensor weights)
    {
        Tensor precise = turned.to(ScalarType.Float64);
        Tensor spreads = Halves.OfDouble((precise.Squared().sum(-1, keepdim: true) / Held.Of(Math.Max(1, turned.shape[2]))).sqrt()).to(ScalarType.Float32), scaled = turned * AffineGroups.Inverse(spreads);
        Tensor[] levels = new Tensor[_tiers.Length];
        for (int i = 0, start = 0; i < _tiers.Length; start += _tiers[i++].Channels)
        {
            Tensor codes = _tiers[i].Levels.Nearest(scaled.narrow(-1, start, _tiers[i].Channels));
            _tiers[i].Codes.Write(first, codes);
            levels[i] = _tiers[i].Levels.Of(codes);
        }

        Tensor stood = Joined(levels, turned).to(ScalarType.Float64), weighted = stood * weights;
        // What codes stand for comes nearest to the row with this size, however it spreads over the tiers.
        Tensor along = (weighted * precise).sum(-1, keepdim: true), squares = (weighted * stood).sum(-1, keepdim: true);
        Tensor sizes = (along / squares).masked_fill(squares.gt(Held.Of(0)).logical_and(spreads.gt(Held.Of(0))).logical_not(), Held.Of(0));
        _sizes.narrow(1, first, turned.shape[1]).copy_(Halves.OfDouble(sizes));
    }

    /// <summary>What the codes of some tokens stand for.</summary>
    /// <param name="from">The first token.</param>
    /// <param name="to">The token after the last.</param>
    /// <returns>[kvHeads, tokens, coded channels], f32.</returns>
    public Tensor Decode(int from, int to)
    {
        Tensor sizes = _sizes.narrow(1, from, to - from).to(ScalarType.Float32);
        return Joined([.. _tiers.Select(tier => tier.Levels.Of(tier.Codes.Read(from, to)))], sizes) * sizes;
    }

    /// <summary>Tiers side by side; of none, no channels of the other rows.</summary>
    /// <param name="tiers">[kvHeads, tokens, channels] each.</param>
    /// <param name="rows">[kvHeads, tokens, any].</param>
    public static Tensor Joined(Tensor[] tiers, Tensor rows) => tiers.Length == 0 ? rows.narrow(-1, 0, 0) : cat(tiers, -1);

    private sealed record Tier(int Channels, PackedCodes Codes, LevelTable Levels);
}
