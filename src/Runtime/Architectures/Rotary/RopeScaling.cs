namespace TailorKV.Runtime.Architectures.Rotary;

/// <summary>How rotary position embeddings are stretched to longer contexts.</summary>
internal abstract record RopeScaling
{
    /// <summary>What cosines and sines are multiplied with, of queries and keys both.</summary>
    public virtual double AttentionFactor => 1;

    /// <summary>The scaled frequency of one pair of channels, in radians a token.</summary>
    /// <param name="frequency">The frequency without scaling.</param>
    /// <param name="pair">The pair, from 0.</param>
    /// <param name="rotary">The embedding that is scaled.</param>
    /// <param name="context">
    /// The most tokens that the session can hold. Keys are kept as they were turned, so a session has one set of frequencies for all of its tokens.
    /// </param>
    public abstract float Scale(float frequency, int pair, RotaryConfig rotary, int context);
}
