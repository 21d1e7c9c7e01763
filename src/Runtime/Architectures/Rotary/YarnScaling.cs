namespace TailorKV.Runtime.Architectures.Rotary;

/// <summary>
/// YaRN (arXiv 2309.00071): pairs of channels that turn often over the original context keep their frequency, those that turn seldom are divided by
/// <paramref name="Factor"/>, and those between are interpolated by their index; cosines and sines grow by <paramref name="AttentionFactor"/>.
/// </summary>
/// <param name="Factor">How much longer contexts become.</param>
/// <param name="OriginalContextLength">Tokens of the context that the model was trained for.</param>
/// <param name="AttentionFactor">What cosines and sines are multiplied with.</param>
/// <param name="FastTurns">Turns over the original context from which a frequency is kept (beta fast).</param>
/// <param name="SlowTurns">Turns over the original context up to which a frequency is divided (beta slow).</param>
/// <param name="WholePairs">Whether the interpolation begins and ends at whole pairs.</param>
internal sealed record YarnScaling(
    double Factor, int OriginalContextLength, double AttentionFactor, double FastTurns = 32, double SlowTurns = 1, bool WholePairs = true) : RopeScaling
{
    /// <inheritdoc/>
    public override double AttentionFactor { get; } = AttentionFactor;

    /// <summary>Tokens of the contexts that it makes of the original.</summary>
    public int StretchedContext => (int)Math.Min(OriginalContextLength * Factor, int.MaxValue);

    /// <summary>The attention factor that the paper found best: 0.1 * <paramref name="weight"/> * ln(<paramref name="factor"/>) + 1.</summary>
    public static double BestAttentionFactor(double factor, double weight = 1) => factor <= 1 ? 1 : (0.1 * weight * Math.Log(factor)) + 1;

    /// <inheritdoc/>
    public override float Scale(float frequency, int pair, RotaryConfig rotary, int context)
    {
        double first = PairOf(FastTurns, rotary), last = PairOf(SlowTurns, rotary);
        if (WholePairs)
            (first, last) = (Math.Floor(first), Math.Ceiling(last));
        (first, last) = (Math.Max(first, 0), Math.Min(last, rotary.Dimensions - 1));
        // As transformers keeps from dividing by nothing.
        if (first == last)
            last += 0.001;
        float divided = (float)Math.Clamp((pair - first) / (last - first), 0, 1);
        return (frequency / (float)Factor * divided) + (frequency * (1 - divided));
    }

    /// <summary>The pair, in fractions, that turns so often over the original context.</summary>
    private double PairOf(double turns, RotaryConfig rotary) =>
        rotary.Dimensions * Math.Log(OriginalContextLength / (turns * 2 * Math.PI)) / (2 * Math.Log(rotary.Theta));
}
