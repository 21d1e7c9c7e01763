namespace TailorKV.Runtime.Architectures.Rotary;

/// <summary>
/// Llama 3's scaling: frequencies whose wavelength is above <paramref name="OriginalContextLength"/> / <paramref name="LowFrequencyFactor"/> tokens
/// are divided by <paramref name="Factor"/>, those below OriginalContextLength / <paramref name="HighFrequencyFactor"/> are kept, and those between
/// are interpolated.
/// </summary>
/// <param name="Factor">What low frequencies are divided by.</param>
/// <param name="LowFrequencyFactor">Turns over the original context up to which a frequency is low.</param>
/// <param name="HighFrequencyFactor">Turns over the original context from which a frequency is high.</param>
/// <param name="OriginalContextLength">Tokens of the context that the model was first trained for.</param>
internal sealed record Llama3Scaling(double Factor, double LowFrequencyFactor, double HighFrequencyFactor, int OriginalContextLength) : RopeScaling
{
    /// <inheritdoc/>
    public override float Scale(float frequency, int pair, RotaryConfig rotary, int context)
    {
        double wavelength = 2 * Math.PI / frequency;
        if (wavelength < OriginalContextLength / HighFrequencyFactor)
            return frequency;
        if (wavelength > OriginalContextLength / LowFrequencyFactor)
            return (float)(frequency / Factor);
        double kept = ((OriginalContextLength / wavelength) - LowFrequencyFactor) / (HighFrequencyFactor - LowFrequencyFactor);
        return (float)(((1 - kept) * frequency / Factor) + (kept * frequency));
    }
}
