using TorchSharp;
using static TorchSharp.torch;

namespace TailorKV.Torch.Memory;

/// <summary>Bytes that tensors of all types look at.</summary>
internal interface IBytes
{
    /// <summary>Where they lie.</summary>
    Device Device { get; }

    /// <summary>Elements of a type, as a flat tensor.</summary>
    /// <param name="type">The type.</param>
    /// <param name="start">The first one's byte; a multiple of their size.</param>
    /// <param name="count">How many.</param>
    Tensor View(ScalarType type, long start, long count);

    /// <summary>Keeps a tensor beyond the current dispose scope.</summary>
    Tensor Keep(Tensor view);
}
