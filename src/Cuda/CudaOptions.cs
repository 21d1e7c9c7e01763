using TailorKV.Cuda.Compiling;

namespace TailorKV.Cuda;

/// <summary>Which card a <see cref="CudaBackend"/> runs on.</summary>
public sealed record CudaOptions
{
    /// <summary>The card, from 0, as CUDA counts them.</summary>
    public int Card { get; init; }

    /// <summary>Where compiled kernels are kept; null for the folder that TAILORKV_KERNEL_CACHE names, or the user's cache.</summary>
    public string? KernelCache { get; init; }

    /// <summary>The text of a kernel source in place of the embedded one: tests plant faults there.</summary>
    internal Func<KernelSource, string>? KernelText { get; init; }
}
