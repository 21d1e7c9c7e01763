using TailorKV.Planner.Policies.Codes;
using TailorKV.Torch.Link;
using TailorKV.Torch.Memory;
using TailorKV.Torch.Numbers;
using TorchSharp;
using static TorchSharp.torch;

namespace TailorKV.Torch.Cache.Rows;

/// <summary>
/// Turned rows in symmetric codes of 8 or 4 bits. A token's bytes are the fp16 scales of its key's blocks, those of its value's, its key's codes, and its value's. Of 4 bits the codes of a row's
/// first half lie in the low halves of its bytes.
/// </summary>
internal sealed class CodedHostRows : HostRows
{
    private readonly int _headDim;
    private readonly int _bits;
    private readonly HostLink _link;

    // [kvHeads, tokens, 2 * blocks], fp16.
    private readonly Tensor _scales;

    // [kvHeads, tokens, 2 * bytes of a row].
    private readonly Tensor _codes;

    public CodedHostRows(RotatedBlockFormat format, int tokens, CacheRequest request)
    {
        (_headDim, _bits, _link) = (request.Layer.HeadDim, format.Bits, request.Link);
        long row = format.RowBytes(_headDim), blocks = SymmetricBlocks.Blocks(_headDim), scales = 2 * blocks * PerBlockFormat.ScaleBytes;
        HeadRegion region = HostBytes.TakeHeads(request.Host, request.Layer.KvHeads, Bytes(tokens, row));
        // A token's bytes are even, key and value together, and so may be looked at as halves as well.
        _scales = region.Again().Take(ScalarType.Float16, tokens, row).narrow(-1, 0, 2 * blocks).DetachFromDisposeScope();
        _codes = region.Take(ScalarType.Byte, tokens, 2 * row).narrow(-1, scales, (2 * row) - scales).DetachFromDisposeScope();
    }

    /// <inheritdoc/>
    public override void Write(int first, Tensor keys, Tensor values)
    {
        (Tensor keyScales, Tensor keyCodes) = SymmetricBlocks.Encode(Turned(keys), _bits);
        (Tensor valueScales, Tensor valueCodes) = SymmetricBlocks.Encode(Turned(values), _bits);
        _scales.narrow(1, first, keys.shape[1]).copy_(cat([keyScales, valueScales], -1));
        _codes.narrow(1, first, keys.shape[1]).copy_(cat([Packed(keyCodes), Packed(valueCodes)], -1));
    }

    /// <inheritdoc/>
    public override void Fetch(Tensor chosen, Tensor keys, Tensor values)
    {
        Tensor[] scales = _link.Fetch(_scales, chosen, keys.device).chunk(2, -1), codes = _link.Fetch(_codes, chosen, keys.device).chunk(2, -1);
        keys.copy_(SymmetricBlocks.Decode(scales[0], Unpacked(codes[0]), _bits));
        values.copy_(SymmetricBlocks.Decode(scales[1], Unpacked(codes[1]), _bits));
    }

    /// <inheritdoc/>
    public override Tensor Turned(Tensor rows) => Hadamard.Rotate(rows);

    private Tensor Packed(Tensor codes)
    {
        if (_bits == 8)
            return codes;
        int half = (_headDim + 1) / 2;
        return codes.narrow(-1, 0, half).Plus(nn.functional.pad(codes.narrow(-1, half, _headDim - half), [0, half + half - _headDim]) * Held.Of(16));
    }

    private Tensor Unpacked(Tensor bytes) => _bits == 8 ? bytes : cat([bytes.bitwise_and(15), bytes.bitwise_right_shift(4)], -1).narrow(-1, 0, _headDim);
}
