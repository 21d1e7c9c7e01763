namespace TailorKV.Runtime.Architectures.Rotary;

/// <summary>A rotary position embedding (RoFormer, arXiv 2104.09864): channel pair i of a head turns by position * Theta^(-2i / Dimensions), scaled.</summary>
/// <param name="Theta">The base of the frequencies.</param>
/// <param name="Dimensions">Channels that turn, the first of each head; even.</param>
/// <param name="Scaling">How the frequencies are scaled, or null.</param>
internal sealed record RotaryConfig(double Theta, int Dimensions, RopeScaling? Scaling = null)
{
    /// <summary>What cosines and sines are multiplied with.</summary>
    public float AttentionFactor => (float)(Scaling?.AttentionFactor ?? 1);

    /// <summary>The frequencies of the pairs in radians a token, [<see cref="Dimensions"/> / 2].</summary>
    /// <param name="context">The most tokens that the session can hold.</param>
    /// <param name="divisors">Divisors of the frequencies that come with the weights, one a pair, or null.</param>
    public float[] Frequencies(int context, float[]? divisors)
    {
        float[] frequencies = new float[Dimensions / 2];
        for (int i = 0; i < frequencies.Length; i++)
        {
            float frequency = 1 / MathF.Pow((float)Theta, 2f * i / Dimensions) / (divisors?[i] ?? 1);
            frequencies[i] = Scaling?.Scale(frequency, i, this, context) ?? frequency;
        }
        return frequencies;
    }
}
