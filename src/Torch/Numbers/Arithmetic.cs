using TorchSharp;
using static TorchSharp.torch;

namespace TailorKV.Torch.Numbers;

/// <summary>What TorchSharp would make numbers for by itself, with numbers that are <see cref="Held"/>: libtorch takes a factor with every sum, and a power with every square.</summary>
internal static class Arithmetic
{
    /// <summary>The sum of two tensors.</summary>
    public static Tensor Plus(this Tensor tensor, Tensor other) => tensor.add(other, Held.Of(1));

    /// <summary>The sum of a tensor's elements and a number.</summary>
    public static Tensor Plus(this Tensor tensor, Scalar number) => tensor.add(number, Held.Of(1));

    /// <summary>Adds a tensor in place.</summary>
    public static Tensor Increase(this Tensor tensor, Tensor other) => tensor.add_(other, Held.Of(1));

    /// <summary>The square of each element.</summary>
    public static Tensor Squared(this Tensor tensor) => tensor * tensor;

    /// <summary>0, 1 and so on, as many as asked for.</summary>
    public static Tensor Counted(long count, ScalarType type, Device device) => arange(Held.Of(0), Held.Of(count), Held.Of(1), type, device);
}
