namespace TailorKV.Runtime.Backends;

/// <summary>The parts of a model that <see cref="StepClock"/> times.</summary>
public enum StepPart
{
    /// <summary>Queries, keys, values and the attention's output, with their norm and rotation.</summary>
    Projections,

    /// <summary>Attention; in decoding also the caches' taking in of the new token.</summary>
    Attention,

    /// <summary>The feed-forward with its norm.</summary>
    FeedForward,

    /// <summary>Logits with their norm.</summary>
    OutputHead,
}
