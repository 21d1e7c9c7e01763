using TailorKV.Torch.Cache.Rows;
using TailorKV.Torch.Memory;
using TorchSharp;
using static TorchSharp.torch;

namespace TailorKV.Torch.Cache.Codes;

/// <summary>Symmetric codes with an fp16 scale for each token and block of 32 channels: after the codes, [tokens, blocks].</summary>
internal sealed class PerBlockCodes : TorchCodes
{
    private readonly int _bits;
    private readonly PackedCodes _codes;
    private readonly Tensor _scales;

    /// <summary>Takes the memory.</summary>
    /// <param name="region">Where it comes from.</param>
    /// <param name="tokens">The most tokens.</param>
    /// <param name="headDim">Elements of a row.</param>
    /// <param name="bits">Bits of a code: 4 or 8.</param>
    public PerBlockCodes(HeadRegion region, int tokens, int headDim, int bits)
    {
        _bits = bits;
        _codes = new PackedCodes(region, tokens, headDim, bits);
        _scales = region.Take(ScalarType.Float16, tokens, SymmetricBlocks.Blocks(headDim));
    }

    /// <inheritdoc/>
    protected override void EncodeSome(int first, Tensor rows)
    {
        (Tensor scales, Tensor codes) = SymmetricBlocks.Encode(rows, _bits);
        _scales.narrow(1, first, rows.shape[1]).copy_(scales);
        _codes.Write(first, codes);
    }

    /// <inheritdoc/>
    protected override Tensor Decode(int from, int to) => SymmetricBlocks.Decode(_scales.narrow(1, from, to - from), _codes.Read(from, to), _bits);
}
