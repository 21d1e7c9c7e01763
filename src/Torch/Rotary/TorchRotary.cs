using TailorKV.Runtime.Backends.Cpu.Rotary;
using TailorKV.Torch.Numbers;
using static TorchSharp.torch;

namespace TailorKV.Torch.Rotary;

/// <summary>Turns queries and keys by their positions (RoFormer, arXiv 2104.09864), by the angles that the CPU backend works out.</summary>
/// <param name="embedding">The angles.</param>
/// <param name="interleaved">Whether the projections come with pairs side by side.</param>
/// <param name="device">Where the heads lie.</param>
internal sealed class TorchRotary(RotaryEmbedding embedding, bool interleaved, Device device)
{
    // Layers of a step turn by the same angles.
    private volatile Angles? _last;

    /// <summary>Pairs of channels that turn; those after them stay as they are.</summary>
    public int Pairs => embedding.Pairs;

    /// <summary>The angles.</summary>
    public RotaryEmbedding Embedding => embedding;

    /// <summary>Turned heads. Channel i pairs with channel i + pairs in what comes out, however the pairs came in.</summary>
    /// <param name="heads">[tokens, heads, headDim].</param>
    /// <param name="first">Position of the first token.</param>
    public Tensor Turn(Tensor heads, int first)
    {
        (Tensor cosines, Tensor sines) = At(first, (int)heads.shape[0]);
        Tensor turning = heads.narrow(-1, 0, 2 * Pairs), x, y;
        if (interleaved)
        {
            Tensor pairs = turning.reshape(heads.shape[0], heads.shape[1], Pairs, 2);
            (x, y) = (pairs.select(-1, 0), pairs.select(-1, 1));
        }
        else
        {
            (x, y) = (turning.narrow(-1, 0, Pairs), turning.narrow(-1, Pairs, Pairs));
        }

        return TurnPairs(heads, x, y, cosines, sines);
    }

    /// <summary>Pairs turned by given angles, and after them the channels that do not turn.</summary>
    /// <param name="heads">[..., headDim].</param>
    /// <param name="x">The pairs' first channels, [..., pairs].</param>
    /// <param name="y">Their second ones.</param>
    /// <param name="cosines">What meets [..., pairs].</param>
    /// <param name="sines">The same.</param>
    public Tensor TurnPairs(Tensor heads, Tensor x, Tensor y, Tensor cosines, Tensor sines) => cat([(x * cosines) - (y * sines), (y * cosines).Plus(x * sines), Rest(heads)], -1);

    /// <summary>Heads that <see cref="Turn"/> turned, turned back; their pairs stay halves apart.</summary>
    /// <inheritdoc cref="Turn"/>
    public Tensor TurnBack(Tensor heads, int first)
    {
        (Tensor cosines, Tensor sines) = At(first, (int)heads.shape[0]);
        // Cosines and sines may be scaled.
        Tensor x = heads.narrow(-1, 0, Pairs), y = heads.narrow(-1, Pairs, Pairs), squares = (cosines * cosines).Plus(sines * sines);
        return cat([(x * cosines).Plus(y * sines) / squares, ((y * cosines) - (x * sines)) / squares, Rest(heads)], -1);
    }

    private Tensor Rest(Tensor heads) => heads.narrow(-1, 2 * Pairs, heads.shape[^1] - (2 * Pairs));

    private (Tensor Cosines, Tensor Sines) At(int first, int count)
    {
        Angles? angles = _last;
        if (angles is null || angles.First != first || angles.Count != count)
            _last = angles = Make(first, count);
        return (angles.Cosines, angles.Sines);
    }

    private Angles Make(int first, int count)
    {
        var cosines = new float[count * Pairs];
        var sines = new float[count * Pairs];
        for (int row = 0; row < count; row++)
            embedding.Angles(first + row, cosines.AsSpan(row * Pairs, Pairs), sines.AsSpan(row * Pairs, Pairs));
        return new Angles(first, count, OnDevice(cosines), OnDevice(sines));

        Tensor OnDevice(float[] numbers) => tensor(numbers, [count, 1, Pairs], device: device).DetachFromDisposeScope();
    }

    private sealed record Angles(int First, int Count, Tensor Cosines, Tensor Sines);
}
