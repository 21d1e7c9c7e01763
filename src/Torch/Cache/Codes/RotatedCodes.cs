using TailorKV.Torch.Cache.Rows;
using static TorchSharp.torch;

namespace TailorKV.Torch.Cache.Codes;

/// <summary>Codes of rows turned by a Hadamard matrix. Turning keeps dot products, and sums: queries and outputs are turned in place of all rows.</summary>
/// <param name="inner">The codes of turned rows.</param>
internal sealed class RotatedCodes(TorchCodes inner) : TorchCodes
{
    /// <inheritdoc/>
    public override Tensor Meet(Tensor queries) => inner.Meet(Hadamard.Rotate(queries));

    /// <inheritdoc/>
    public override Tensor Leave(Tensor sums) => Hadamard.Rotate(inner.Leave(sums));

    /// <inheritdoc/>
    protected override void EncodeSome(int first, Tensor rows) => inner.Encode(first, Hadamard.Rotate(rows));

    /// <inheritdoc/>
    protected override Tensor Decode(int from, int to) => inner.Rows(from, to);
}
