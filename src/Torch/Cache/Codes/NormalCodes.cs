using TailorKV.Runtime.Backends.Cpu.Cache.Packs;
using TailorKV.Torch.Memory;
using TailorKV.Torch.Numbers;
using TorchSharp;
using static TorchSharp.torch;

namespace TailorKV.Torch.Cache.Codes;

/// <summary>Rows whose elements are nearly normal, in codes of a unit normal's levels, with an fp16 norm for each token: after the codes, [tokens, 1].</summary>
internal sealed class NormalCodes : TorchCodes
{
    private readonly PackedCodes _codes;
    private readonly Tensor _norms;
    private readonly LevelTable _levels;
    private readonly float _perNorm;

    /// <summary>Takes the memory.</summary>
    /// <param name="region">Where it comes from.</param>
    /// <param name="tokens">The most tokens.</param>
    /// <param name="headDim">Elements of a row.</param>
    /// <param name="bits">Bits of a code: 1 to 4.</param>
    public NormalCodes(HeadRegion region, int tokens, int headDim, int bits)
    {
        _codes = new PackedCodes(region, tokens, headDim, bits);
        _norms = region.Take(ScalarType.Float16, tokens, 1);
        _levels = new LevelTable(NormalLevels.Of(bits), _norms.device);
        _perNorm = 1 / MathF.Sqrt(headDim);
    }

    /// <inheritdoc/>
    protected override void EncodeSome(int first, Tensor rows)
    {
        Tensor norms = Halves.OfDouble(rows.to(ScalarType.Float64).Squared().sum(-1, keepdim: true).sqrt());
        _norms.narrow(1, first, rows.shape[1]).copy_(norms);
        _codes.Write(first, _levels.Nearest(rows * AffineGroups.Inverse(Deviations(norms))));
    }

    /// <inheritdoc/>
    protected override Tensor Decode(int from, int to) => _levels.Of(_codes.Read(from, to)) * Deviations(_norms.narrow(1, from, to - from));

    private Tensor Deviations(Tensor norms) => norms.to(ScalarType.Float32) * Held.Of(_perNorm);
}
