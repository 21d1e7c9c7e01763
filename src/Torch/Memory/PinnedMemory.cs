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
        Tensor pinned = plain.pin_memory().DetachFromDisposeScope();
        return new Arena(name, pinned.storage<byte>().data_ptr(), bytes, pinned);
    }
}
