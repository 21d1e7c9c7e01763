namespace TailorKV.Runtime.Backends.Cpu;

/// <summary>What threads a <see cref="CpuBackend"/> works with.</summary>
public sealed record CpuOptions
{
    /// <summary>The most threads that can be asked for.</summary>
    public const int MostThreads = 1024;

    /// <summary>
    /// Threads that work at once, the caller's own among them; null for one a processor: of <see cref="Processors"/>, or of all that .NET may use (the variable DOTNET_PROCESSOR_COUNT
    /// sets another number). 1 to <see cref="MostThreads"/>.
    /// </summary>
    public int? Threads { get; init; }

    /// <summary>
    /// Processors, by the system's numbers from 0, that the backend's threads are kept to, one after another; null to leave it to the system. The caller's own thread stays where it
    /// is, in the first one's place. Linux only.
    /// </summary>
    public IReadOnlyList<int>? Processors { get; init; }
}
