using TailorKV.Planner.Models;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Backends.Cpu.Cache.Codes;
using TailorKV.Torch.Memory;
using TorchSharp;
using static TorchSharp.torch;
using Hadamard = TailorKV.Torch.Cache.Rows.Hadamard;

namespace TailorKV.Torch.Cache.Codes;

/// <summary>
/// Keys in the tiers of a <see cref="TieredNormalFormat"/>. What queries meet are the channels of all tiers that have bits, tier after tier, balanced and turned.
/// </summary>
internal sealed class TieredCodes : TorchCodes
{
    private readonly TierCodes _codes;

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
        _codes = new TierCodes(region, tokens, format, layer.HeadDim);
        KeyTiers[] heads = [.. Enumerable.Range(0, layer.KvHeads).Select(head => new KeyTiers(format, calibration.QueriesOf(head, layer.HeadDim), calibration.KeysOf(head, layer.HeadDim)))];
        _order = Numbers((head, tier) => (long[])[.. head.Order[tier.Channels].ToArray().Select(channel => (long)channel)]);
        _keyFactors = Numbers((head, tier) => head.KeyFactors[tier.Channels].ToArray());
        _queryFactors = Numbers((head, tier) => head.QueryFactors[tier.Channels].ToArray());
        _weights = Numbers((head, tier) => (double[])[.. head.Order[tier.Channels].ToArray().Select(_ => (double)tier.Size * tier.Size)]);

        Tensor Numbers<T>(Func<KeyTiers, ChannelTier, T[]> of)
            where T : unmanaged
        {
            using var scope = NewDisposeScope();
            T[] all = [.. heads.SelectMany(head => _codes.Coded.SelectMany(one => of(head, head.Tiers[one.Tier])))];
            return from_array(all).to(_codes.Place).view(layer.KvHeads, 1, _codes.Coded.Sum(one => one.Channels)).DetachFromDisposeScope();
        }
    }

    /// <inheritdoc/>
    public override Tensor Meet(Tensor queries) => Turn(queries, _queryFactors);

    /// <inheritdoc/>
    protected override void EncodeSome(int first, Tensor rows) => _codes.Encode(first, Turn(rows, _keyFactors), _weights);

    /// <inheritdoc/>
    protected override Tensor Decode(int from, int to) => _codes.Decode(from, to);

    private Tensor Turn(Tensor rows, Tensor factors)
    {
        Tensor balanced = rows.gather(-1, _order.expand(-1, rows.shape[1], -1)) * factors;
        Tensor[] turned = new Tensor[_codes.Coded.Length];
        for (int i = 0, start = 0; i < turned.Length; start += _codes.Coded[i++].Channels)
            turned[i] = Hadamard.Rotate(balanced.narrow(-1, start, _codes.Coded[i].Channels));
        return TierCodes.Joined(turned, balanced);
    }
}
