using TailorKV.Runtime.Architectures.Rotary;
using TailorKV.Runtime.Backends.Cpu.Rotary;

namespace TailorKV.Runtime.Tests.Backends.Cpu.Cache;

/// <summary>Rotary position embedding (arXiv 2104.09864), in double precision: of a head's first channels i and i + dimensions / 2 turn by position * theta^(-2i / dimensions).</summary>
/// <param name="dimensions">Channels that turn.</param>
internal sealed class PlainRotary(int dimensions)
{
    private const double Theta = 10_000;

    /// <summary>The same of the product.</summary>
    public RotaryEmbedding Embedding { get; } = new(new RotaryConfig(Theta, dimensions), context: 1, divisors: null, interleaved: false);

    /// <summary>The cosine and sine of each pair of channels, means over positions.</summary>
    public (double Cosine, double Sine)[] Means(int first, int count) => [.. Enumerable.Range(0, dimensions / 2).Select(i =>
    {
        double[] angles = [.. Enumerable.Range(first, count).Select(position => position * Math.Pow(Theta, -2.0 * i / dimensions))];
        return (angles.Average(Math.Cos), angles.Average(Math.Sin));
    })];

    /// <summary>A vector turned by cosines and sines.</summary>
    public static double[] Turn(double[] vector, (double Cosine, double Sine)[] angles) =>
    [
        .. angles.Select((angle, i) => (vector[i] * angle.Cosine) - (vector[i + angles.Length] * angle.Sine)),
        .. angles.Select((angle, i) => (vector[i + angles.Length] * angle.Cosine) + (vector[i] * angle.Sine)),
        .. vector[(2 * angles.Length)..],
    ];

    /// <summary>A vector turned back from its position.</summary>
    public double[] TurnBack(double[] vector, int position) => Turn(vector, [.. Means(position, 1).Select(angle => (angle.Cosine, -angle.Sine))]);
}
