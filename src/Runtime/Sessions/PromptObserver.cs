using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Sessions;

/// <summary>Sees what goes on inside the model while a session reads a prompt. Spans and buffers are valid during the call only.</summary>
public abstract class PromptObserver
{
    /// <summary>A chunk is about to go through a layer.</summary>
    /// <param name="layer">The layer, from 0.</param>
    /// <param name="first">Position of the chunk's first token.</param>
    /// <param name="count">Its tokens.</param>
    /// <param name="hidden">The layer's input, [count, hidden].</param>
    public virtual void OnLayerInput(int layer, int first, int count, ReadOnlySpan<float> hidden)
    {
    }

    /// <summary>A chunk has been attended with in a layer.</summary>
    /// <param name="layer">The layer, from 0.</param>
    /// <param name="first">Position of the chunk's first token.</param>
    /// <param name="count">Its tokens.</param>
    /// <param name="normed">The layer's input after its norm, [count, hidden].</param>
    /// <param name="queries">[count, heads, headDim], after RoPE, scaled.</param>
    /// <param name="attended">Attention output, [count, heads, headDim].</param>
    public virtual void OnAttended(int layer, int first, int count, ReadOnlySpan<float> normed, ReadOnlySpan<float> queries, ReadOnlySpan<float> attended)
    {
    }

    /// <summary>A layer is done with the whole prompt.</summary>
    /// <param name="layer">The layer, from 0.</param>
    /// <param name="keys">[kvHeads, stride, headDim], exact, after RoPE.</param>
    /// <param name="values">The same shape.</param>
    /// <param name="tokens">Tokens of the prompt.</param>
    /// <param name="stride">Tokens from one head to the next.</param>
    /// <param name="hidden">The layer's output, [tokens, hidden].</param>
    internal virtual void OnLayerDone(int layer, NativeBuffer<float> keys, NativeBuffer<float> values, int tokens, int stride, NativeBuffer<float> hidden)
    {
    }
}
