using FsCheck;
using FsCheck.Fluent;

namespace TailorKV.Testing;

/// <summary>Single values of a generator, for tests that draw their cases from a <see cref="System.Random"/>.</summary>
public static class Sampling
{
    private const int Size = 100;

    /// <summary>The value that a generator makes of the random numbers' next seed: the same random numbers draw the same values.</summary>
    /// <param name="generator">What to draw from.</param>
    /// <param name="random">Where the seed comes from; moved on by one number.</param>
    public static T Draw<T>(this Gen<T> generator, System.Random random) => generator.Sample(Size, new Rnd((ulong)random.NextInt64()), 1)[0];
}
