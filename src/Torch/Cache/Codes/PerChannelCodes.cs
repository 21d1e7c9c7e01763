using TailorKV.Torch.Memory;
using TailorKV.Torch.Numbers;
using TorchSharp;
using static TorchSharp.torch;

namespace TailorKV.Torch.Cache.Codes;

/// <summary>Codes with an fp16 scale and zero for each channel and group of consecutive tokens: after the codes, [2, groups, headDim], scales and then zeros.</summary>
internal sealed class PerChannelCodes : TorchCodes
{
    private readonly int _bits;
    private readonly int _group;
    private readonly PackedCodes _codes;
    private readonly Tensor _scales;

    /// <summary>Takes the memory.</summary>
    /// <param name="region">Where it comes from.</param>
    /// <param name="tokens">The most tokens, whole groups.</param>
    /// <param name="headDim">Elements of a row.</param>
    /// <param name="bits">Bits of a code.</param>
    /// <param name="group">Tokens that share a scale.</param>
    public PerChannelCodes(HeadRegion region, int tokens, int headDim, int bits, int group)
    {
        (_bits, _group) = (bits, group);
        _codes = new PackedCodes(region, tokens, headDim, bits);
        _scales = region.Take(ScalarType.Float16, 2, tokens / group, headDim);
    }

    /// <inheritdoc/>
    protected override void EncodeSome(int first, Tensor rows)
    {
        long groups = rows.shape[1] / _group;
        (Tensor scales, Tensor zeros, Tensor codes) = AffineGroups.Encode(rows.reshape(rows.shape[0], groups, _group, rows.shape[2]).transpose(2, 3), _bits);
        _scales.narrow(2, first / _group, groups).copy_(stack([scales.squeeze(-1), zeros.squeeze(-1)], 1));
        _codes.Write(first, codes.transpose(2, 3).reshape(rows.shape));
    }

    /// <inheritdoc/>
    protected override Tensor Decode(int from, int to)
    {
        int first = from / _group, groups = ((to + _group - 1) / _group) - first;
        Tensor stored = _scales.narrow(2, first, groups).to(ScalarType.Float32).repeat_interleave(_group, 2).narrow(2, from - (first * _group), to - from);
        return (_codes.Read(from, to).to(ScalarType.Float32) * stored.select(1, 0)).Plus(stored.select(1, 1));
    }
}
