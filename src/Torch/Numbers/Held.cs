using System.Collections.Concurrent;
using TorchSharp;

namespace TailorKV.Torch.Numbers;

/// <summary>
/// Numbers as libtorch takes them. TorchSharp makes one of each number that it is given and passes on where it lies, so that it may be collected while libtorch reads it; these are made once and kept. They
/// are few: settings of models and policies, and lengths of prompts.
/// </summary>
internal static class Held
{
    private static readonly ConcurrentDictionary<long, Scalar> Integers = new();
    private static readonly ConcurrentDictionary<float, Scalar> Singles = new();
    private static readonly ConcurrentDictionary<double, Scalar> Doubles = new();

    /// <summary>A whole number.</summary>
    public static Scalar Of(long number) => Integers.GetOrAdd(number, one => one.ToScalar());

    /// <summary>A number in single precision.</summary>
    public static Scalar Of(float number) => Singles.GetOrAdd(number, one => one.ToScalar());

    /// <summary>A number in double precision.</summary>
    public static Scalar Of(double number) => Doubles.GetOrAdd(number, one => one.ToScalar());
}
