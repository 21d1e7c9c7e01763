using TailorKV.Runtime.Architectures;
using TailorKV.Runtime.Architectures.Rotary;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Models;

namespace TailorKV.Runtime.Backends.Cpu.Rotary;

/// <summary>Turns queries and keys by their positions (RoFormer, arXiv 2104.09864), in sessions of one context.</summary>
internal sealed class RotaryEmbedding
{
    private readonly float[] _frequencies;
    private readonly float _factor;
    private readonly bool _interleaved;

    /// <summary>Works the frequencies out.</summary>
    /// <param name="rotary">Base, dimensions and scaling.</param>
    /// <param name="context">The most tokens that the session can hold.</param>
    /// <param name="divisors">Divisors of the frequencies that come with the weights, one a pair, or null.</param>
    /// <param name="interleaved">Whether the projections come with pairs side by side, as llama.cpp permutes them.</param>
    public RotaryEmbedding(RotaryConfig rotary, int context, float[]? divisors, bool interleaved)
    {
        _interleaved = interleaved;
        _factor = rotary.AttentionFactor;
        _frequencies = rotary.Frequencies(context, divisors);
    }

    private RotaryEmbedding(int pairs) => (_frequencies, _factor, _interleaved) = (new float[pairs], 1, true);

    /// <summary>For layers where positions do not count: turns nothing, and only puts the channels in order that come with pairs side by side.</summary>
    /// <param name="pairs">Pairs of channels.</param>
    public static RotaryEmbedding Unturned(int pairs) => new(pairs);

    /// <summary>The embeddings of a model's layers; null where a layer's queries and keys stay as they come.</summary>
    /// <param name="config">The layers' settings.</param>
    /// <param name="weights">What came with the weights.</param>
    /// <param name="context">The most tokens that the session can hold.</param>
    public static RotaryEmbedding?[] OfLayers(ModelConfig config, ModelWeights weights, int context)
    {
        var embeddings = config.Layers.Select(layer => layer.Rotary).OfType<RotaryConfig>().Distinct()
            .ToDictionary(rotary => rotary, rotary => new RotaryEmbedding(rotary, context, weights.RopeFrequencyFactors, weights.InterleavedRope));
        RotaryEmbedding? none = weights.InterleavedRope ? Unturned(config.HeadDim / 2) : null;
        return [.. config.Layers.Select(layer => layer.Rotary is { } rotary ? embeddings[rotary] : none)];
    }

    /// <summary>Pairs of channels that turn; those after them stay as they are.</summary>
    public int Pairs => _frequencies.Length;

    /// <summary>Cosines and sines of one position, times the scaling's attention factor.</summary>
    /// <param name="position">Tokens before it.</param>
    /// <param name="cosines">[pairs].</param>
    /// <param name="sines">[pairs].</param>
    public void Angles(int position, Span<float> cosines, Span<float> sines)
    {
        for (int i = 0; i < _frequencies.Length; i++)
        {
            (float sine, float cosine) = MathF.SinCos(position * _frequencies[i]);
            (sines[i], cosines[i]) = (sine * _factor, cosine * _factor);
        }
    }

    /// <summary>The means of the cosines and sines of some positions.</summary>
    /// <param name="first">The first position.</param>
    /// <param name="count">Positions.</param>
    /// <param name="cosines">[pairs].</param>
    /// <param name="sines">[pairs].</param>
    public void MeanAngles(int first, int count, Span<double> cosines, Span<double> sines)
    {
        using Scratch<float> room = new([], 2 * Pairs);
        Span<float> ones = room.Span[..Pairs], others = room.Span[Pairs..];
        cosines.Clear();
        sines.Clear();
        for (int position = first; position < first + count; position++)
        {
            Angles(position, ones, others);
            for (int i = 0; i < Pairs; i++)
                (cosines[i], sines[i]) = (cosines[i] + (ones[i] / (double)count), sines[i] + (others[i] / (double)count));
        }
    }

    /// <summary>Turns one head in place. Channel i pairs with channel i + pairs in what comes out, however the pairs came in.</summary>
    /// <param name="head">[headDim].</param>
    /// <param name="cosines">As <see cref="Angles"/> gives them.</param>
    /// <param name="sines">The same.</param>
    /// <param name="turned">Room for [2 * pairs].</param>
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

    /// <summary>Turns a head that <see cref="Apply"/> turned back.</summary>
    /// <param name="position">Its position.</param>
    /// <param name="head">[headDim].</param>
    /// <param name="room">Room for [headDim] numbers.</param>
    public void TurnBack(int position, Span<float> head, Span<float> room)
    {
        int half = _frequencies.Length;
        Span<float> cosines = room[..half], sines = room.Slice(half, half);
        Angles(position, cosines, sines);
        for (int i = 0; i < half; i++)
        {
            // Cosines and sines may be scaled.
            float x = head[i], y = head[i + half], square = (cosines[i] * cosines[i]) + (sines[i] * sines[i]);
            head[i] = ((x * cosines[i]) + (y * sines[i])) / square;
            head[i + half] = ((y * cosines[i]) - (x * sines[i])) / square;
        }
    }
}
