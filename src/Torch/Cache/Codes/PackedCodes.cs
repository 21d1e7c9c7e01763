using TailorKV.Torch.Memory;
using TorchSharp;
using static TorchSharp.torch;

namespace TailorKV.Torch.Cache.Codes;

/// <summary>Codes of all KV heads, packed to their bits. 3 and 5 bits lie as each code's lower 2 or 4 and, in a plane of its own after those, its upper bit.</summary>
internal sealed class PackedCodes
{
    private readonly BitPlane[] _planes;

    /// <summary>Takes the memory.</summary>
    /// <param name="region">Where it comes from.</param>
    /// <param name="tokens">The most tokens.</param>
    /// <param name="channels">Codes of a token.</param>
    /// <param name="bits">Bits of a code: 1 to 5 or 8.</param>
    public PackedCodes(HeadRegion region, int tokens, int channels, int bits) => _planes = bits is 3 or 5
        ? [new BitPlane(region, tokens, channels, bits - 1, 0), new BitPlane(region, tokens, channels, 1, bits - 1)]
        : [new BitPlane(region, tokens, channels, bits, 0)];

    /// <summary>Writes the codes of consecutive tokens.</summary>
    /// <param name="first">The first token.</param>
    /// <param name="codes">[kvHeads, tokens, channels], bytes.</param>
    public void Write(int first, Tensor codes)
    {
        foreach (BitPlane plane in _planes)
            plane.Write(first, codes);
    }

    /// <summary>Reads codes.</summary>
    /// <param name="from">The first token.</param>
    /// <param name="to">The token after the last.</param>
    /// <returns>[kvHeads, tokens, channels], bytes.</returns>
    public Tensor Read(int from, int to) => _planes.Select(plane => plane.Read(from, to)).Aggregate((lower, upper) => lower.bitwise_or(upper));
}
