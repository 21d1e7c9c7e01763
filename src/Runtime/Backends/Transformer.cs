using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Backends;

/// <summary>
/// A model's arithmetic on a chunk of tokens, in sessions of one context. It keeps no state: tensors come from a <see cref="Workspace"/>, and what came before from <see cref="KeyValues"/> or a
/// <see cref="LayerCache"/>. Several sessions may use one at the same time.
/// </summary>
public abstract class Transformer
{
    /// <summary>The model's sizes.</summary>
    public abstract ModelShape Shape { get; }

    /// <summary>Where an attention score s becomes cap * tanh(s / cap), the cap; else null.</summary>
    public abstract float? AttentionSoftCap { get; }

    /// <summary>Channels of a layer's heads that its rotary embedding turns, the first ones: channel i in a pair with that half of them further on. 0 where positions do not count.</summary>
    /// <param name="layer">The layer, from 0.</param>
    public abstract int RotaryDimensions(int layer);

    /// <summary>Looks tokens up.</summary>
    /// <param name="tokens">The tokens.</param>
    /// <param name="hidden">[tokens, hidden].</param>
    public abstract void Embed(ReadOnlySpan<int> tokens, DeviceTensor hidden);

    /// <summary>Makes a layer's Queries, Keys and Values of Hidden; Normed stays as the layer's normed input.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="first">Position of the first token.</param>
    /// <param name="count">Tokens.</param>
    /// <param name="workspace">Their tensors.</param>
    public abstract void Project(int layer, int first, int count, Workspace workspace);

    /// <summary>
    /// Makes of Normed, as the layer before left it, Predicted: the queries this layer would have if the layer before changed nothing (TailorKV, arXiv 2505.19586; docs/policies.md).
    /// </summary>
    /// <inheritdoc cref="Project"/>
    public abstract void PredictQueries(int layer, int first, int count, Workspace workspace);

    /// <summary>Puts keys and values of tokens among those of many.</summary>
    /// <param name="first">Position of the first token.</param>
    /// <param name="count">Tokens.</param>
    /// <param name="keys">[count, kvHeads, headDim].</param>
    /// <param name="values">[count, kvHeads, headDim].</param>
    /// <param name="all">Where they go.</param>
    public abstract void Store(int first, int count, DeviceTensor keys, DeviceTensor values, KeyValues all);

    /// <summary>Takes memory for what is kept of a layer's queries of a prompt, beside any cache.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="needs">What is to be kept.</param>
    /// <param name="host">Where it comes from.</param>
    public abstract PromptQueries TakeQueries(int layer, PromptQueryNeeds needs, Arena host);

    /// <summary>Keeps of a chunk's Queries what is asked for.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="first">Position of the first token; chunks come in order, and the first starts over.</param>
    /// <param name="count">Tokens.</param>
    /// <param name="workspace">Their tensors.</param>
    /// <param name="queries">Where they are kept.</param>
    public abstract void Observe(int layer, int first, int count, Workspace workspace, PromptQueries queries);

    /// <summary>Exact causal attention of Queries over everything before them and themselves; what comes out is left in Attended.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="first">Position of the first token.</param>
    /// <param name="count">Tokens.</param>
    /// <param name="workspace">Their tensors.</param>
    /// <param name="all">Keys and values, the tokens' own included.</param>
    public abstract void Attend(int layer, int first, int count, Workspace workspace, KeyValues all);

    /// <summary>Adds the attention output (in Attended) to Hidden, whose norm it leaves in Normed: the first half of <see cref="Finish"/>.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="count">Tokens.</param>
    /// <param name="workspace">Their tensors.</param>
    public abstract void ProjectOutput(int layer, int count, Workspace workspace);

    /// <summary>Adds the feed-forward of Normed to Hidden: the second half of <see cref="Finish"/>.</summary>
    /// <inheritdoc cref="ProjectOutput"/>
    public abstract void FeedForward(int layer, int count, Workspace workspace);

    /// <summary>Applies the norm after the last layer.</summary>
    /// <param name="hidden">[count, hidden], as the last layer left it.</param>
    /// <param name="count">Tokens.</param>
    /// <param name="normed">[count, hidden].</param>
    public abstract void FinalNorm(DeviceTensor hidden, int count, DeviceTensor normed);

    /// <summary>Logits of hidden states; Normed is overwritten.</summary>
    /// <param name="hidden">[tokens, hidden], as the last layer left them.</param>
    /// <param name="first">The first token whose logits are wanted.</param>
    /// <param name="count">How many are.</param>
    /// <param name="workspace">Room for as many tokens.</param>
    /// <param name="logits">[count, vocabulary], in the host's memory.</param>
    public abstract void Logits(DeviceTensor hidden, long first, int count, Workspace workspace, Span<float> logits);

    /// <summary>Adds the attention output (in Attended) and the feed-forward to Hidden.</summary>
    /// <inheritdoc cref="ProjectOutput"/>
    public void Finish(int layer, int count, Workspace workspace)
    {
        ProjectOutput(layer, count, workspace);
        FeedForward(layer, count, workspace);
    }

    /// <summary>
    /// Takes tokens through all layers and their caches, as decoding does; Hidden is as the last layer left it. A device that does a step as one graph overrides this.
    /// </summary>
    /// <param name="tokens">The tokens, no more than the workspace has room for.</param>
    /// <param name="first">Position of the first.</param>
    /// <param name="workspace">Their tensors.</param>
    /// <param name="caches">One a layer.</param>
    /// <param name="clock">Told what the time goes into.</param>
    public virtual void Extend(ReadOnlySpan<int> tokens, int first, Workspace workspace, LayerCache[] caches, StepClock clock)
    {
        Embed(tokens, workspace.Hidden);
        clock.Start();
        for (int layer = 0; layer < caches.Length; layer++)
        {
            Project(layer, first, tokens.Length, workspace);
            clock.Lap(StepPart.Projections);
            caches[layer].Extend(tokens.Length, workspace);
            clock.Lap(StepPart.Attention);
            if (layer + 1 < caches.Length && caches[layer + 1].NeedsPredictedQueries)
            {
                PredictQueries(layer + 1, first, tokens.Length, workspace);
                caches[layer + 1].Prefetch(tokens.Length, workspace);
            }

            ProjectOutput(layer, tokens.Length, workspace);
            clock.Lap(StepPart.Projections);
            FeedForward(layer, tokens.Length, workspace);
            clock.Lap(StepPart.FeedForward);
        }
    }

    /// <summary>Takes the memory of one layer's keys and values of a prompt: the host's, unless a device keeps them itself.</summary>
    /// <param name="context">Tokens.</param>
    /// <param name="device">The session's device memory.</param>
    /// <param name="host">The session's host memory.</param>
    public virtual KeyValues TakePrompt(int context, DeviceArena device, Arena host)
    {
        long length = (long)context * Shape.KvHeads * Shape.HeadDim;
        return new KeyValues(host.TakeTensor(length), host.TakeTensor(length), context);
    }
}
