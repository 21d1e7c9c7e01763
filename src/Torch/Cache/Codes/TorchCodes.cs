using TorchSharp;
using static TorchSharp.torch;

namespace TailorKV.Torch.Cache.Codes;

/// <summary>
/// Rows of all KV heads in codes of one format, keys or values. Queries are turned once a step into what meets the codes, and sums of coded values are turned back once, so that rows need not be: a
/// rotated format's rows come out rotated.
/// </summary>
internal abstract class TorchCodes
{
    // A whole number of every format's blocks; numbers in double precision, which some formats need, then take little memory however long a prompt is.
    private const int Together = 4096;

    /// <summary>Gets ready for a prompt's rows, before the first of them is coded; not called where there is no prompt.</summary>
    /// <param name="rows">Rows that will be coded, or are like those, [kvHeads, tokens, headDim], f32.</param>
    public virtual void Begin(Tensor rows)
    {
    }

    /// <summary>Codes whole blocks of consecutive tokens.</summary>
    /// <param name="first">The first token, counted from the first coded one.</param>
    /// <param name="rows">[kvHeads, tokens, headDim], f32.</param>
    public void Encode(int first, Tensor rows)
    {
        int tokens = (int)rows.shape[1];
        for (int done = 0; done < tokens; done += Together)
        {
            using var scope = NewDisposeScope();
            EncodeSome(first + done, rows.narrow(1, done, Math.Min(Together, tokens - done)));
        }
    }

    /// <summary>What the codes of some tokens stand for, in the channels that queries meet.</summary>
    /// <param name="from">The first token.</param>
    /// <param name="to">The token after the last.</param>
    /// <returns>[kvHeads, tokens, channels], f32.</returns>
    public Tensor Rows(int from, int to)
    {
        using var scope = NewDisposeScope();
        return Decode(from, to).MoveToOuterDisposeScope();
    }

    /// <summary>Queries as they meet <see cref="Rows"/>.</summary>
    /// <param name="queries">[kvHeads, n, headDim].</param>
    /// <returns>[kvHeads, n, channels].</returns>
    public virtual Tensor Meet(Tensor queries) => queries;

    /// <summary>Weighted sums of <see cref="Rows"/> as values.</summary>
    /// <param name="sums">[kvHeads, n, channels].</param>
    /// <returns>[kvHeads, n, headDim].</returns>
    public virtual Tensor Leave(Tensor sums) => sums;

    /// <inheritdoc cref="Encode"/>
    protected abstract void EncodeSome(int first, Tensor rows);

    /// <inheritdoc cref="Rows"/>
    protected abstract Tensor Decode(int from, int to);
}
