using TailorKV.Runtime.Backends.Cpu.Threads;

namespace TailorKV.Runtime.Backends.Cpu;

/// <summary>
/// Runs models on this machine's processors, in C# with hardware intrinsics. It owns the threads that do the work: models loaded on one backend share them, and so do those models'
/// sessions, piece of work by piece of work in turn.
/// </summary>
public sealed class CpuBackend : IDisposable
{
    /// <summary>Starts the threads.</summary>
    /// <param name="options">How many, and on which processors; null for the defaults.</param>
    /// <exception cref="Planner.TailorKVException">The threads cannot be kept to the processors asked for.</exception>
    public CpuBackend(CpuOptions? options = null)
    {
        options ??= new CpuOptions();
        if (options.Processors is { } processors)
        {
            ProcessorAffinity.Check(processors);
            Pool = new WorkerPool(options.Threads ?? processors.Count, thread => ProcessorAffinity.Set(processors[thread % processors.Count]));
        }
        else
        {
            Pool = new WorkerPool(options.Threads ?? Environment.ProcessorCount);
        }
    }

    /// <summary>Threads that work at once, the caller's own among them.</summary>
    public int Threads => Pool.Threads;

    internal WorkerPool Pool { get; }

    /// <summary>Ends the threads. Models loaded on the backend can do no more work.</summary>
    public void Dispose() => Pool.Dispose();
}
