namespace TailorKV.Torch;

/// <summary>What a <see cref="TorchBackend"/> works with.</summary>
public sealed record TorchOptions
{
    /// <summary>Whether it is a card's memory and kernels, rather than libtorch's on this machine's processors.</summary>
    public bool Cuda { get; init; }

    /// <summary>Threads of libtorch's operations on this machine's processors; null for libtorch's own choice. They are the process's: the last backend's count.</summary>
    public int? Threads { get; init; }
}
