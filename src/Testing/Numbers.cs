using FsCheck;
using FsCheck.Fluent;

namespace TailorKV.Testing;

/// <summary>Generators of numbers that FsCheck's own have no range for.</summary>
internal static class Numbers
{
    public static Gen<bool> Coin { get; } = Gen.Elements(false, true);

    /// <summary>0 to 1, in steps of 2^-30.</summary>
    public static Gen<double> Share { get; } = Gen.Choose(0, 1 << 30).Select(n => n / (double)(1 << 30));

    /// <summary>A power of ten with a random exponent, in whole numbers.</summary>
    public static Gen<double> Magnitude(double leastExponent, double mostExponent) =>
        Share.Select(share => Math.Round(Math.Pow(10, leastExponent + (share * (mostExponent - leastExponent)))));

    /// <summary>A loss in nats per token, of few digits often, so that losses tie.</summary>
    public static Gen<double> Loss { get; } =
        from share in Share
        from digits in Gen.Choose(1, 9)
        select Math.Round(share, digits);
}
