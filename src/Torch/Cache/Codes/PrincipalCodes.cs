using TailorKV.Planner.Models;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Backends.Cpu.Cache.Codes;
using TailorKV.Torch.Memory;
using TailorKV.Torch.Numbers;
using TorchSharp;
using static TorchSharp.torch;

namespace TailorKV.Torch.Cache.Codes;

/// <summary>
/// Values along the directions of a <see cref="PrincipalNormalFormat"/>, which follow the tiers' codes in fp16, [coded channels, headDim]. Rows come out along the directions, and sums are turned back.
/// </summary>
internal sealed class PrincipalCodes : TorchCodes
{
    // Products of so many values are summed at once, in double precision.
    private const int Together = 4096;

    private readonly PrincipalNormalFormat _format;
    private readonly LayerShape _layer;
    private readonly KeyCalibration _calibration;
    private readonly TierCodes _codes;
    private readonly Tensor _directions;

    // What elements along each coded direction are divided by, [kvHeads, 1, coded channels].
    private readonly Tensor _sizes;
    private bool _begun;

    /// <summary>Takes the memory.</summary>
    /// <param name="region">Where it comes from.</param>
    /// <param name="tokens">The most tokens.</param>
    /// <param name="format">The format.</param>
    /// <param name="layer">The layer's shape.</param>
    /// <param name="calibration">What is known of its values.</param>
    public PrincipalCodes(HeadRegion region, int tokens, PrincipalNormalFormat format, LayerShape layer, KeyCalibration calibration)
    {
        (_format, _layer, _calibration) = (format, layer, calibration);
        _codes = new TierCodes(region, tokens, format, layer.HeadDim);
        _directions = region.Take(ScalarType.Float16, format.CodedChannels(layer.HeadDim), layer.HeadDim);
        _sizes = ones([layer.KvHeads, 1, format.CodedChannels(layer.HeadDim)], ScalarType.Float32, _codes.Place).DetachFromDisposeScope();
    }

    /// <inheritdoc/>
    public override void Begin(Tensor rows)
    {
        int headDim = _layer.HeadDim, tokens = (int)rows.shape[1];
        using var scope = NewDisposeScope();
        Tensor sums = zeros([_layer.KvHeads, headDim, headDim], ScalarType.Float64, rows.device);
        for (int from = 0; from < tokens; from += Together)
        {
            using var some = NewDisposeScope();
            Tensor precise = rows.narrow(1, from, Math.Min(Together, tokens - from)).to(ScalarType.Float64);
            sums.Increase(precise.transpose(1, 2).matmul(precise));
        }

        using Tensor read = sums.cpu().contiguous();
        Take([.. read.data<double>().ToArray().Chunk(headDim * headDim).Select(products =>
        {
            var moments = new ValueMoments(headDim);
            moments.Add(products, tokens);
            return moments;
        })]);
    }

    /// <inheritdoc/>
    public override Tensor Leave(Tensor sums) => (sums * _sizes).matmul(_directions.to(ScalarType.Float32));

    /// <inheritdoc/>
    protected override void EncodeSome(int first, Tensor rows)
    {
        if (!_begun)
            Take([.. Enumerable.Range(0, _layer.KvHeads).Select(_ => new ValueMoments(_layer.HeadDim))]);
        Tensor precise = _sizes.to(ScalarType.Float64), along = rows.to(ScalarType.Float64).matmul(_directions.to(ScalarType.Float64).transpose(1, 2));
        _codes.Encode(first, (along / precise).to(ScalarType.Float32), precise.Squared());
    }

    /// <inheritdoc/>
    protected override Tensor Decode(int from, int to) => _codes.Decode(from, to);

    /// <summary>Takes the directions that follow from what is known of values.</summary>
    /// <param name="seen">The moments of each KV head's.</param>
    private void Take(ValueMoments[] seen)
    {
        using var scope = NewDisposeScope();
        int headDim = _layer.HeadDim;
        ValueDirections[] heads = [.. seen.Select((moments, head) => new ValueDirections(_format, moments, _calibration.ValueMomentsOf(head, headDim), headDim))];
        IReadOnlyList<int> channels = _format.TierChannels(headDim);
        int[] coded = [.. _codes.Coded.SelectMany(one => Enumerable.Range(channels.Take(one.Tier).Sum(), one.Channels))];
        _directions.copy_(tensor((float[])[.. heads.SelectMany(head => head.Directions.ToArray().Select(x => (float)x))], _directions.shape));
        _sizes.copy_(tensor((float[])[.. heads.SelectMany(head => coded.Select(channel => head.Sizes[channel]))], _sizes.shape));
        _begun = true;
    }
}
