using TailorKV.Runtime.Backends.Cpu.Threads;

namespace TailorKV.Runtime.Tests.Backends.Cpu;

/// <summary>The threads that tests of the CPU backend's parts share.</summary>
internal static class TestThreads
{
    public static WorkerPool Pool { get; } = new(Math.Max(2, Environment.ProcessorCount));
}
