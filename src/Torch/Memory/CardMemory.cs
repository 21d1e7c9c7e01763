using System.Runtime.InteropServices;
using TailorKV.Planner;

namespace TailorKV.Torch.Memory;

/// <summary>How much memory the first CUDA card has, as its driver says; TorchSharp has no word for it.</summary>
internal static partial class CardMemory
{
    /// <summary>Bytes free and in all.</summary>
    /// <exception cref="TailorKVException">The driver does not say.</exception>
    public static (long Free, long Total) Bytes()
    {
        // The runtime has made the card's context current for this thread; its library is loaded with libtorch's.
        int result = MemoryInfo(out nuint free, out nuint total);
        return result == 0 ? ((long)free, (long)total) : throw new TailorKVException($"the CUDA driver does not say how much memory is free: error {result}", "Look whether nvidia-smi shows the card");
    }

    [LibraryImport("cuda", EntryPoint = "cuMemGetInfo_v2")]
    private static partial int MemoryInfo(out nuint free, out nuint total);
}
