using TailorKV.Planner.Models;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Backends.Cpu.Cache.Codes;
using TailorKV.Runtime.Backends.Cpu.Cache.Packs;
using TailorKV.Torch.Memory;
using TorchSharp;
using static TorchSharp.torch;
using Hadamard = TailorKV.Torch.Cache.Rows.Hadamard;

namespace TailorKV.Torch.Cache.Codes;

/// <summary>
/// Keys in the tiers of a <see cref="TieredNormalFormat"/>: first an fp16 size for each token, [tokens, 1], which is for all tiers, then each tier's codes. What queries meet are the channels of all tiers that have
/// bits, tier after tier, balanced and turned.
/// </summary>
internal sealed class TieredCodes : TorchCodes
{
    private readonly Tier[] _tiers;
    private readonly Tensor _sizes;

    // Of each KV head, in the order that channels are turned in, [kvHeads, 1, channels]: the channels, what keys and queries are multiplied by, and the mean square of the channel's tier.
    private readonly Tensor _order;
    private readonly Tensor _keyFactors;
    private readonly Tensor _queryFactors;
    private readonly Tensor _weights;

    /// <summary>Takes the memory.</summary>
    /// <param name="region">Where it comes from.</param>
    /// <param name="tokens">The most tokens.</param>
    /// <param name="format">The format.</param>
    /// <param name="layer">The layer's shape.</param>
    /// <param name="calibration">What is known of its queries and keys.</param>
    public TieredCodes(HeadRegion region, int tokens, TieredNormalFormat format, LayerShape layer, KeyCalibration calibration)
    {
        _sizes = region.Take(ScalarType.Float16, tokens, 1);
        KeyTiers[] heads = [.. Enumerable.Range(0, layer.KvHeads).Select(head => new KeyTiers(format, calibration.QueriesOf(head, layer.HeadDim), calibration.KeysOf(head, layer.HeadDim)))];
        // Tiers are as large in every head; those without bits are left out.
        (int Tier, int Channels)[] coded = [.. format.TierChannels(layer.HeadDim).Select((channels, tier) => (tier, channels)).Where(one => format.Tiers[one.tier] > 0 && one.channels > 0)];
        _tiers = [.. coded.Select(one => new Tier(
            one.Channels,
            new PackedCodes(region, tokens, one.Channels, format.Tiers[one.Tier]),
            new LevelTable(TierLevels.Of(format.Tiers[one.Tier]), _sizes.device)))];
        _order = Numbers((head, tier) => (long[])[.. head.Order[tier.Channels].ToArray().Select(channel => (long)channel)]);
        _keyFactors = Numbers((head, tier) => head.KeyFactors[tier.Channels].ToArray());
        _queryFactors = Numbers((head, tier) => head.QueryFactors[tier.Channels].ToArray());
        _weights = Numbers((head, tier) => (double[])[.. head.Order[tier.Channels].ToArray().Select(_ => (double)tier.Size * tier.Size)]);

        Tensor Numbers<T>(Func<KeyTiers, KeyTier, T[]> of)
            where T : unmanaged
        {
            using var scope = NewDisposeScope();
            T[] all = [.. heads.SelectMany(head => coded.SelectMany(one => of(head, head.Tiers[one.Tier])))];
            return from_array(all).to(_sizes.device).view(layer.KvHeads, 1, coded.Sum(one => one.Channels)).DetachFromDisposeScope();
        }
    }

    /// <inheritdoc/>
    public override Tensor Meet(Tensor queries) => Turn(queries, _queryFactors);

    /// <inheritdoc/>
    protected override void EncodeSome(int first, Tensor rows)
    {
        Tensor turned = Turn(rows, _keyFactors), precise = turned.to(ScalarType.Float64);
        Tensor spreads = Halves.OfDouble((precise.square().sum(-1, keepdim: true) / Math.Max(1, turned.shape[2])).sqrt()).to(ScalarType.Float32), scaled = turned * AffineGroups.Inverse(spreads);
        Tensor[] levels = new Tensor[_tiers.Length];
        for (int i = 0, start = 0; i < _tiers.Length; start += _tiers[i++].Channels)
        {
            Tensor codes = _tiers[i].Levels.Nearest(scaled.narrow(-1, start, _tiers[i].Channels));
            _tiers[i].Codes.Write(first, codes);
            levels[i] = _tiers[i].Levels.Of(codes);
        }

        Tensor stood = Joined(levels, turned).to(ScalarType.Float64), weighted = stood * _weights;
        // What codes stand for comes nearest to the key with this size, however it spreads over the tiers.
        Tensor along = (weighted * precise).sum(-1, keepdim: true), squares = (weighted * stood).sum(-1, keepdim: true);
        Tensor sizes = (along / squares).masked_fill(squares.gt(0).logical_and(spreads.gt(0)).logical_not(), 0);
        _sizes.narrow(1, first, rows.shape[1]).copy_(Halves.OfDouble(sizes));
    }

    /// <inheritdoc/>
    protected override Tensor Decode(int from, int to)
    {
        Tensor sizes = _sizes.narrow(1, from, to - from).to(ScalarType.Float32);
        return Joined([.. _tiers.Select(tier => tier.Levels.Of(tier.Codes.Read(from, to)))], sizes) * sizes;
    }

    private Tensor Turn(Tensor rows, Tensor factors)
    {
        Tensor balanced = rows.gather(-1, _order.expand(-1, rows.shape[1], -1)) * factors;
        Tensor[] turned = new Tensor[_tiers.Length];
        for (int i = 0, start = 0; i < _tiers.Length; start += _tiers[i++].Channels)
            turned[i] = Hadamard.Rotate(balanced.narrow(-1, start, _tiers[i].Channels));
        return Joined(turned, balanced);
    }

    /// <summary>Tiers side by side; of none, no channels of the other rows.</summary>
    private static Tensor Joined(Tensor[] tiers, Tensor rows) => tiers.Length == 0 ? rows.narrow(-1, 0, 0) : cat(tiers, -1);

    private sealed record Tier(int Channels, PackedCodes Codes, LevelTable Levels);
}
