using System.Diagnostics.CodeAnalysis;
using TailorKV.Cuda.Driver;
using TailorKV.Cuda.Memory;
using TailorKV.Runtime.Architectures.Rotary;

namespace TailorKV.Cuda.Models;

/// <summary>A rotary embedding on the card (RoFormer, arXiv 2104.09864): kernels work the angles out of its frequencies.</summary>
[SuppressMessage("Design", "CA1001", Justification = "A card's memory is given back when nobody knows it any more: sessions do not say when they let go of it.")]
internal sealed class CudaRotary
{
    private readonly DeviceMemory? _frequencies;

    /// <summary>Brings the frequencies to the card.</summary>
    /// <param name="card">The card.</param>
    /// <param name="frequencies">Radians a token, one a pair.</param>
    /// <param name="factor">What cosines and sines are multiplied with.</param>
    /// <param name="interleaved">Whether pairs come side by side.</param>
    public unsafe CudaRotary(Card card, float[] frequencies, float factor, bool interleaved)
    {
        (Pairs, Factor, Interleaved) = (frequencies.Length, factor, interleaved);
        if (Pairs == 0)
            return;
        _frequencies = new DeviceMemory(card.Context, Pairs * sizeof(float));
        using (card.Use())
        {
            fixed (float* first = frequencies)
                card.Stream.CopyToDevice(Frequencies, first, Pairs * sizeof(float));
        }
    }

    /// <summary>Turns nothing.</summary>
    public static CudaRotary None(Card card) => new(card, [], 1, interleaved: false);

    /// <summary>The address of [pairs].</summary>
    public nint Frequencies => _frequencies?.Address ?? 0;

    /// <summary>Pairs of channels that turn.</summary>
    public int Pairs { get; }

    /// <summary>What cosines and sines are multiplied with.</summary>
    public float Factor { get; }

    /// <summary>Whether pairs come side by side.</summary>
    public bool Interleaved { get; }

    /// <summary>The embedding of a layer's settings.</summary>
    /// <param name="card">The card.</param>
    /// <param name="rotary">The settings.</param>
    /// <param name="context">The most tokens of a session.</param>
    /// <param name="divisors">Divisors of the frequencies, or null.</param>
    /// <param name="interleaved">Whether pairs come side by side.</param>
    public static CudaRotary Of(Card card, RotaryConfig rotary, int context, float[]? divisors, bool interleaved) =>
        new(card, rotary.Frequencies(context, divisors), rotary.AttentionFactor, interleaved);
}
