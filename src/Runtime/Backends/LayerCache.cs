namespace TailorKV.Runtime.Backends;

/// <summary>One layer's KV cache, kept as its policy says.</summary>
public abstract class LayerCache
{
    /// <summary>Tokens held.</summary>
    public abstract int Tokens { get; }

    /// <summary>Whether <see cref="Extend"/> needs queries predicted from the layer before.</summary>
    public abstract bool NeedsPredictedQueries { get; }

    /// <summary>
    /// What a prompt's queries are kept in, chunk by chunk, before the prompt is loaded; null where the policy asks for none. It lies in staging: no other layer may run or be loaded before.
    /// </summary>
    public virtual PromptQueries? PromptQueries => null;

    /// <summary>Starts over with a prompt.</summary>
    /// <param name="prompt">Its keys and values.</param>
    /// <param name="tokens">Tokens of the prompt.</param>
    public abstract void Load(KeyValues prompt, int tokens);

    /// <summary>
    /// Begins to fetch from the host what the next <see cref="Extend"/> will need, while the layer before still works on what follows its attention: nothing where the cache fetches nothing ahead.
    /// Staging is this layer's from now on.
    /// </summary>
    /// <param name="count">Tokens that will be added.</param>
    /// <param name="workspace">Where their predicted queries lie.</param>
    public virtual void Prefetch(int count, Workspace workspace)
    {
    }

    /// <summary>
    /// Adds the tokens whose queries, keys and values lie in a workspace one by one, each attending to all before it and itself; what comes out is left in <see cref="Workspace.Attended"/>.
    /// </summary>
    /// <param name="count">Tokens.</param>
    /// <param name="workspace">Where they lie, predicted queries with them where <see cref="NeedsPredictedQueries"/>.</param>
    public abstract void Extend(int count, Workspace workspace);

    /// <summary>What the last token's tokens were chosen by.</summary>
    /// <param name="kvHead">The KV head.</param>
    /// <param name="sinks">Tokens before the first that was to choose from.</param>
    /// <returns>
    /// The probability, summed over the query group, that the index gave each token between sinks and window, or its logarithm where that is too small; empty for layers that drop no token. In the
    /// host's memory, valid until the next step.
    /// </returns>
    public abstract ReadOnlySpan<float> ChoosingMass(int kvHead, out int sinks);
}
