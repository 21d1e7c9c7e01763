namespace TailorKV.Runtime.Architectures.Rotary;

/// <summary>
/// LongRoPE (arXiv 2402.13753): each pair of channels has a divisor of its own, one for sessions that can hold no more than <paramref name="OriginalContextLength"/> tokens and another for
/// longer ones. transformers chooses anew as a text grows beyond that length, and then mixes keys turned in two ways; here the session's context decides once for all of its tokens.
/// </summary>
/// <param name="Short">Divisors of the frequencies in short sessions, one a pair.</param>
/// <param name="Long">Divisors in long sessions, one a pair.</param>
/// <param name="OriginalContextLength">Tokens of the longest short session.</param>
/// <param name="AttentionFactor">What cosines and sines are multiplied with, in all sessions.</param>
internal sealed record LongRopeScaling(IReadOnlyList<double> Short, IReadOnlyList<double> Long, int OriginalContextLength, double AttentionFactor) : RopeScaling
{
    /// <inheritdoc/>
    public override double AttentionFactor { get; } = AttentionFactor;

    /// <summary>The attention factor of contexts that are <paramref name="factor"/> times the original: sqrt(1 + ln(factor) / ln(original)).</summary>
    public static double UsualAttentionFactor(double factor, int originalContextLength) =>
        factor <= 1 ? 1 : Math.Sqrt(1 + (Math.Log(factor) / Math.Log(originalContextLength)));

    /// <inheritdoc/>
    public override float Scale(float frequency, int pair, RotaryConfig rotary, int context) =>
        frequency / (float)(context > OriginalContextLength ? Long : Short)[pair];
}
