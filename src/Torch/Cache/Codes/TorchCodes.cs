using static TorchSharp.torch;

namespace TailorKV.Torch.Cache.Codes;

/// <summary>
/// Rows of all KV heads in codes of one format, keys or values. Queries are turned once a step into what meets the codes, and sums of coded values are turned back once, so that rows need not be: a
/// rotated format's rows come out rotated.
/// </summary>
internal abstract class TorchCodes
{
    /// <summary>Codes whole blocks of consecutive tokens.</summary>
    /// <param name="first">The first token, counted from the first coded one.</param>
    /// <param name="rows">[kvHeads, tokens, headDim], f32.</param>
    public abstract void Encode(int first, Tensor rows);

    /// <summary>What the codes of some tokens stand for, in the channels that queries meet.</summary>
    /// <param name="from">The first token.</param>
    /// <param name="to">The token after the last.</param>
    /// <returns>[kvHeads, tokens, channels], f32.</returns>
    public abstract Tensor Rows(int from, int to);

    /// <summary>Queries as they meet <see cref="Rows"/>.</summary>
    /// <param name="queries">[kvHeads, n, headDim].</param>
    /// <returns>[kvHeads, n, channels].</returns>
    public virtual Tensor Meet(Tensor queries) => queries;

    /// <summary>Weighted sums of <see cref="Rows"/> as values.</summary>
    /// <param name="sums">[kvHeads, n, channels].</param>
    /// <returns>[kvHeads, n, headDim].</returns>
    public virtual Tensor Leave(Tensor sums) => sums;
}
