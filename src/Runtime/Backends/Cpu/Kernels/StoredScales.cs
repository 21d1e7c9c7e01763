using TailorKV.Runtime.Numbers;

namespace TailorKV.Runtime.Backends.Cpu.Kernels;

/// <summary>What the codes of tokens that follow each other are multiplied with, and what is added to that, as it is stored.</summary>
/// <param name="scales">A number for each token; its scale is that times <paramref name="factor"/>.</param>
/// <param name="factor">Above 0, at most 2^15.</param>
/// <param name="zeros">Another for each, to which its scale times <paramref name="offset"/> is added; empty where nothing is.</param>
/// <param name="offset">Scales that zeros lack.</param>
/// <param name="finite">Whether all are known to be finite.</param>
internal readonly ref struct StoredScales(ReadOnlySpan<Half> scales, float factor, ReadOnlySpan<Half> zeros, float offset, bool finite)
{
    /// <summary>The numbers that scales are made of.</summary>
    public ReadOnlySpan<Half> Scales { get; } = scales;

    /// <summary>What makes scales of them.</summary>
    public float Factor => factor;

    /// <summary>The numbers that zeros are made of; none where nothing is added.</summary>
    public ReadOnlySpan<Half> Zeros { get; } = zeros;

    /// <summary>Scales that they lack.</summary>
    public float Offset => offset;

    /// <summary>Whether all are known to be finite.</summary>
    public bool AreFinite => finite;

    /// <summary>Scales in single precision.</summary>
    public void ReadScales(Span<float> scales) => HalfFloat.Widen(Scales, factor, scales);

    /// <summary>Zeros in single precision, which there must be.</summary>
    /// <param name="scales">The scales.</param>
    /// <param name="zeros">As many zeros.</param>
    public void ReadZeros(ReadOnlySpan<float> scales, Span<float> zeros) => HalfFloat.AddScaled(Zeros, scales, offset, zeros);
}
