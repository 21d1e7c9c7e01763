using TailorKV.Torch.Memory;
using TailorKV.Torch.Numbers;
using TorchSharp;
using static TorchSharp.torch;

namespace TailorKV.Torch.Cache.Codes;

/// <summary>Codes with an fp16 scale and zero for each token and group of channels: after the codes, [tokens, groups, 2], scale and then zero.</summary>
internal sealed class PerTokenCodes : TorchCodes
{
    private readonly int _bits;
    private readonly int _headDim;
    private readonly int _group;
    private readonly PackedCodes _codes;
    private readonly Tensor _scales;

    /// <summary>Takes the memory.</summary>
    /// <param name="region">Where it comes from.</param>
    /// <param name="tokens">The most tokens.</param>
    /// <param name="headDim">Elements of a row.</param>
    /// <param name="bits">Bits of a code.</param>
    /// <param name="group">Channels that share a scale.</param>
    public PerTokenCodes(HeadRegion region, int tokens, int headDim, int bits, int group)
    {
        (_bits, _headDim, _group) = (bits, headDim, Math.Min(group, headDim));
        _codes = new PackedCodes(region, tokens, headDim, bits);
        _scales = region.Take(ScalarType.Float16, tokens, (headDim + _group - 1) / _group, 2);
    }

    /// <inheritdoc/>
    protected override void EncodeSome(int first, Tensor rows)
    {
        (Tensor scales, Tensor zeros, Tensor codes) = AffineGroups.Encode(InGroups(rows), _bits);
        _scales.narrow(1, first, rows.shape[1]).copy_(cat([scales, zeros], -1));
        _codes.Write(first, OutOfGroups(codes));
    }

    /// <inheritdoc/>
    protected override Tensor Decode(int from, int to)
    {
        Tensor stored = _scales.narrow(1, from, to - from).to(ScalarType.Float32), codes = InGroups(_codes.Read(from, to).to(ScalarType.Float32));
        return OutOfGroups((codes * stored.narrow(-1, 0, 1)).Plus(stored.narrow(-1, 1, 1)));
    }

    /// <summary>The last group is filled with its last element, which changes neither its least nor its greatest.</summary>
    private Tensor InGroups(Tensor rows)
    {
        long groups = _scales.shape[2], missing = (groups * _group) - _headDim;
        Tensor whole = missing == 0 ? rows : cat([rows, rows.narrow(-1, _headDim - 1, 1).expand(-1, -1, missing)], -1);
        return whole.reshape(rows.shape[0], rows.shape[1], groups, _group);
    }

    private Tensor OutOfGroups(Tensor groups) => groups.flatten(2).narrow(-1, 0, _headDim);
}
