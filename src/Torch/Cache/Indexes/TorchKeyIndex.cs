using static TorchSharp.torch;

namespace TailorKV.Torch.Cache.Indexes;

/// <summary>Approximate scores for keys that lie on the host.</summary>
internal abstract class TorchKeyIndex
{
    /// <summary>Forgets everything.</summary>
    public virtual void Clear()
    {
    }

    /// <summary>Takes whole blocks of keys in.</summary>
    /// <param name="first">The first token, counted from the first on the host.</param>
    /// <param name="keys">[kvHeads, tokens, headDim].</param>
    public abstract void Add(int first, Tensor keys);

    /// <summary>Begins to fetch what the next step's <see cref="Scores"/> will need, where it needs the same queries.</summary>
    /// <param name="predicted">[kvHeads, group, headDim], predicted from the layer before.</param>
    /// <param name="tokens">Tokens there are.</param>
    public virtual void Prefetch(Tensor predicted, int tokens)
    {
    }

    /// <summary>Scores of the first tokens.</summary>
    /// <param name="queries">[kvHeads, group, headDim].</param>
    /// <param name="predicted">The same as predicted from the layer before; null unless the index needs it.</param>
    /// <param name="tokens">How many.</param>
    /// <returns>[kvHeads, group, tokens].</returns>
    public abstract Tensor Scores(Tensor queries, Tensor? predicted, int tokens);
}
