using TailorKV.Torch.Memory;
using TorchSharp;
using static TorchSharp.torch;

namespace TailorKV.Torch.Cache.Codes;

/// <summary>
/// Some consecutive bits of the codes of all KV heads, [kvHeads, bytes, channels]: a byte holds those bits of a channel's codes of consecutive tokens, the first token's lowest.
/// </summary>
internal sealed class BitPlane
{
    private const int ByteBits = 8;

    private readonly int _perByte;
    private readonly Tensor _bytes;
    private readonly Tensor _places;
    private readonly Tensor _shift;
    private readonly Tensor _mask;

    /// <summary>Takes the memory.</summary>
    /// <param name="region">Where it comes from.</param>
    /// <param name="tokens">The most tokens.</param>
    /// <param name="channels">Codes of a token.</param>
    /// <param name="bits">How many bits: 1, 2, 4 or 8.</param>
    /// <param name="shift">Where they lie in a code.</param>
    public BitPlane(HeadRegion region, int tokens, int channels, int bits, int shift)
    {
        _perByte = ByteBits / bits;
        _bytes = region.Take(ScalarType.Byte, (tokens + _perByte - 1) / _perByte, channels);
        _places = Constant([.. Enumerable.Range(0, _perByte).Select(i => (byte)(i * bits))]);
        _shift = Constant([(byte)shift]);
        _mask = Constant([(byte)((1 << bits) - 1)]);
    }

    /// <summary>Writes the bits of consecutive tokens' codes.</summary>
    /// <param name="first">The first token.</param>
    /// <param name="codes">[kvHeads, tokens, channels], bytes.</param>
    public void Write(int first, Tensor codes)
    {
        (long heads, long count, long channels) = (codes.shape[0], codes.shape[1], codes.shape[2]);
        long start = first / _perByte, end = (first + count + _perByte - 1) / _perByte;
        Tensor bytes = _bytes.narrow(1, start, end - start), all = Unpack(bytes);
        // Other tokens of the first and the last byte stay.
        all.narrow(1, first - (start * _perByte), count).copy_(codes.bitwise_right_shift(_shift).bitwise_and(_mask));
        bytes.copy_(all.reshape(heads, end - start, _perByte, channels).bitwise_left_shift(_places).sum(2, type: ScalarType.Byte));
    }

    /// <summary>Reads them, where they lie in codes.</summary>
    /// <param name="from">The first token.</param>
    /// <param name="to">The token after the last.</param>
    /// <returns>[kvHeads, tokens, channels], bytes.</returns>
    public Tensor Read(int from, int to)
    {
        long start = from / _perByte, end = ((long)to + _perByte - 1) / _perByte;
        return Unpack(_bytes.narrow(1, start, end - start)).narrow(1, from - (start * _perByte), to - from).bitwise_left_shift(_shift);
    }

    private Tensor Unpack(Tensor bytes) =>
        bytes.unsqueeze(2).bitwise_right_shift(_places).bitwise_and(_mask).reshape(bytes.shape[0], bytes.shape[1] * _perByte, bytes.shape[2]);

    // [n, 1], which meets [..., n, channels].
    private Tensor Constant(byte[] values)
    {
        using var scope = NewDisposeScope();
        return tensor(values, ScalarType.Byte, _bytes.device).view(values.Length, 1).DetachFromDisposeScope();
    }
}
