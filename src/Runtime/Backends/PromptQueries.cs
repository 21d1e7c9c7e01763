namespace TailorKV.Runtime.Backends;

/// <summary>What is kept of a layer's queries of a prompt, chunk by chunk, for a cache that chooses by them when the prompt is loaded.</summary>
public abstract class PromptQueries
{
    /// <summary>Takes what another has of a prompt.</summary>
    /// <param name="other">One of the same backend that keeps as much at least.</param>
    /// <exception cref="ArgumentException">It keeps less.</exception>
    public abstract void CopyFrom(PromptQueries other);
}
