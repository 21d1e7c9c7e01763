using System.Numerics.Tensors;

namespace TailorKV.Runtime.Generation;

/// <summary>Chooses the next token: the likeliest, or one drawn by its probability.</summary>
/// <param name="temperature">Divides the logits; 0 chooses the likeliest token.</param>
/// <param name="seed">Draws; the same seed and logits give the same tokens.</param>
public sealed class TokenSampler(double temperature, int seed)
{
    private readonly Random _random = new(seed);
    private float[] _probabilities = [];

    /// <summary>Chooses.</summary>
    /// <param name="logits">Finite logits, [vocabulary].</param>
    public int Choose(ReadOnlySpan<float> logits)
    {
        int likeliest = TensorPrimitives.IndexOfMax(logits);
        if (temperature == 0)
            return likeliest;
        if (_probabilities.Length != logits.Length)
            _probabilities = new float[logits.Length];
        double sum = 0;
        for (int i = 0; i < logits.Length; i++)
            sum += _probabilities[i] = (float)Math.Exp((logits[i] - logits[likeliest]) / temperature);

        double left = _random.NextDouble() * sum;
        for (int i = 0; i < logits.Length; i++)
        {
            left -= _probabilities[i];
            if (left < 0)
                return i;
        }

        return likeliest;
    }
}
