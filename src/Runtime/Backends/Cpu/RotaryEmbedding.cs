using TailorKV.Runtime.Models;

namespace TailorKV.Runtime.Backends.Cpu;

/// <summary>
/// Rotary position embedding (RoFormer, arXiv 2104.09864): channel pair i of a head turns by position * theta^(-2i / headDim), with the frequencies
/// changed for longer contexts as Llama 3.1 or linear interpolation do.
/// </summary>
internal sealed class RotaryEmbedding
{
    private readonly float[] _frequencies;
    private readonly bool _interleaved;

    /// <summary>Works the frequencies out.</summary>
    /// <param name="config">Base, scaling and head dimension.</param>
    /// <param name="factors">Divisors of the frequencies that come with the weights, [headDim / 2], or null.</param>
    /// <param name="interleaved">Whether the projections come with pairs side by side, as llama.cpp permutes them.</param>
    public RotaryEmbedding(ModelConfig config, float[]? factors, bool interleaved)
    {
        _interleaved = interleaved;
        _frequencies = new float[config.HeadDim / 2];
        for (int i = 0; i < _frequencies.Length; i++)
        {
            float frequency = 1 / MathF.Pow((float)config.RopeTheta, 2f * i / config.HeadDim);
            _frequencies[i] = Scale(frequency / (factors?[i] ?? 1), config.RopeScaling);
        }
    }

    /// <summary>Cosines and sines of one position.</summary>
    /// <param name="position">Tokens before it.</param>
    /// <param name="cosines">[headDim / 2].</param>
    /// <param name="sines">[headDim / 2].</param>
    public void Angles(int position, Span<float> cosines, Span<float> sines)
    {
        for (int i = 0; i < _frequencies.Length; i++)
            (sines[i], cosines[i]) = MathF.SinCos(position * _frequencies[i]);
    }

    /// <summary>Turns one head in place. Channel i pairs with channel i + headDim / 2 in what comes out, however the pairs came in.</summary>
    /// <param name="head">[headDim].</param>
    /// <param name="cosines">As <see cref="Angles"/> gives them.</param>
    /// <param name="sines">The same.</param>
    /// <param name="turned">Room for [headDim].</param>
    public void Apply(Span<float> head, ReadOnlySpan<float> cosines, ReadOnlySpan<float> sines, Span<float> turned)
    {
        int half = _frequencies.Length;
        for (int i = 0; i < half; i++)
        {
            (float x, float y) = _interleaved ? (head[2 * i], head[(2 * i) + 1]) : (head[i], head[i + half]);
            turned[i] = (x * cosines[i]) - (y * sines[i]);
            turned[i + half] = (y * cosines[i]) + (x * sines[i]);
        }

        turned.CopyTo(head);
    }

    private static float Scale(float frequency, RopeScaling? scaling)
    {
        switch (scaling)
        {
            case RopeScaling.Linear linear:
                return frequency / (float)linear.Factor;
            case RopeScaling.Llama3 llama:
                double wavelength = 2 * Math.PI / frequency;
                double lowFrequencyWavelength = llama.OriginalContextLength / llama.LowFrequencyFactor;
                double highFrequencyWavelength = llama.OriginalContextLength / llama.HighFrequencyFactor;
                if (wavelength < highFrequencyWavelength)
                    return frequency;
                if (wavelength > lowFrequencyWavelength)
                    return (float)(frequency / llama.Factor);
                double smooth = ((llama.OriginalContextLength / wavelength) - llama.LowFrequencyFactor)
                    / (llama.HighFrequencyFactor - llama.LowFrequencyFactor);
                return (float)(((1 - smooth) * frequency / llama.Factor) + (smooth * frequency));
            default:
                return frequency;
        }
    }
}
