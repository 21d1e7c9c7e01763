using TailorKV.Runtime.Backends;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Sessions;

/// <summary>Sees what goes on inside the model while a session reads a prompt. Tensors are another's after the call, and lie where the session's backend works.</summary>
public abstract class PromptObserver
{
    /// <summary>A chunk is about to go through a layer.</summary>
    /// <param name="layer">The layer, from 0.</param>
    /// <param name="first">Position of the chunk's first token.</param>
    /// <param name="count">Its tokens.</param>
    /// <param name="workspace">In Hidden the layer's input.</param>
    public virtual void OnLayerInput(int layer, int first, int count, Workspace workspace)
    {
    }

    /// <summary>A chunk has been attended with in a layer.</summary>
    /// <param name="layer">The layer, from 0.</param>
    /// <param name="first">Position of the chunk's first token.</param>
    /// <param name="count">Its tokens.</param>
    /// <param name="workspace">In Normed the layer's input after its norm, in Queries and Attended the chunk's.</param>
    public virtual void OnAttended(int layer, int first, int count, Workspace workspace)
    {
    }

    /// <summary>A layer is done with the whole prompt.</summary>
    /// <param name="layer">The layer, from 0.</param>
    /// <param name="prompt">Its exact keys and values.</param>
    /// <param name="tokens">Tokens of the prompt.</param>
    /// <param name="hidden">The layer's output, [tokens, hidden].</param>
    public virtual void OnLayerDone(int layer, KeyValues prompt, int tokens, DeviceTensor hidden)
    {
    }
}
