using TailorKV.Planner.Models;
using TailorKV.Runtime.Memory;
using TorchSharp;
using static TorchSharp.torch;

namespace TailorKV.Torch.Memory;

/// <summary>Memory of the host that the system keeps in place, so that a card's copies come from it directly.</summary>
internal static class PinnedMemory
{
    /// <summary>Takes memory, filled with zeros.</summary>
    /// <param name="name">What it stands for, for messages.</param>
    /// <param name="bytes">Its size.</param>
    public static Arena Take(string name, long bytes)
    {
        using Tensor plain = zeros(bytes + CacheBytes.Alignment, ScalarType.Byte);
        return Of(name, bytes, plain.pin_memory());
    }

    /// <summary>A tensor's memory as an arena, which disposes of it.</summary>
    /// <param name="name">What it stands for, for messages.</param>
    /// <param name="bytes">The arena's size.</param>
    /// <param name="memory">Zeros in the host's memory, <see cref="CacheBytes.Alignment"/> bytes more than that.</param>
    internal static Arena Of(string name, long bytes, Tensor memory) => new(name, memory.DetachFromDisposeScope().storage<byte>().data_ptr(), bytes, memory);
}
