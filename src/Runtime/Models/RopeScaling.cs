namespace TailorKV.Runtime.Models;

/// <summary>How rotary position embeddings are stretched to longer contexts.</summary>
public abstract record RopeScaling
{
    private RopeScaling()
    {
    }

    /// <summary>All positions are divided by <paramref name="Factor"/>.</summary>
    public sealed record Linear(double Factor) : RopeScaling;

    /// <summary>
    /// Llama 3's scaling: frequencies whose wavelength is above <paramref name="OriginalContextLength"/> / <paramref name="LowFrequencyFactor"/> tokens
    /// are divided by <paramref name="Factor"/>, those below OriginalContextLength / <paramref name="HighFrequencyFactor"/> are kept, and those between
    /// are interpolated.
    /// </summary>
    public sealed record Llama3(double Factor, double LowFrequencyFactor, double HighFrequencyFactor, int OriginalContextLength) : RopeScaling;
}
