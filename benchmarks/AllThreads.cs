using TailorKV.Runtime.Backends.Cpu;

namespace TailorKV.Benchmarks;

/// <summary>The backend that benchmarks share: a thread for each processor.</summary>
internal static class AllThreads
{
    public static CpuBackend Backend { get; } = new();
}
