using System.Runtime.InteropServices;
using TailorKV.Planner;

namespace TailorKV.Runtime.Backends.Cpu.Threads;

/// <summary>Keeps threads to processors, on Linux (sched_setaffinity).</summary>
internal static unsafe partial class ProcessorAffinity
{
    // What the C library's own sets have room for.
    private const int MostProcessors = 1024;

    /// <summary>Keeps the calling thread to one processor.</summary>
    /// <param name="processor">Its number, from 0.</param>
    /// <returns>Whether the system does.</returns>
    public static bool Set(int processor)
    {
        Span<ulong> set = stackalloc ulong[MostProcessors / 64];
        set.Clear();
        set[processor / 64] = 1UL << (processor % 64);
        fixed (ulong* start = set)
            return SetAffinity(0, MostProcessors / 8, start) == 0;
    }

    /// <summary>Checks that threads can be kept to processors.</summary>
    /// <param name="processors">Their numbers, from 0.</param>
    /// <exception cref="TailorKVException">They cannot, here or to one of these.</exception>
    public static void Check(IReadOnlyList<int> processors)
    {
        if (!OperatingSystem.IsLinux())
            throw new TailorKVException("threads can be kept to processors on Linux only", "Leave the processors to the system");
        if (processors.Count == 0)
            throw new TailorKVException("the list of processors is empty", "Name one at least, or leave them to the system");
        foreach (int processor in processors)
        {
            // On a thread of its own, for there is no way back to where a thread was but knowing it.
            bool possible = false;
            var thread = new Thread(() => possible = processor is >= 0 and < MostProcessors && Set(processor));
            thread.Start();
            thread.Join();
            if (!possible)
                throw new TailorKVException($"threads cannot be kept to processor {processor}", "Name processors that this process may run on, as 'taskset -cp' lists them for a shell");
        }
    }

    [LibraryImport("libc", EntryPoint = "sched_setaffinity")]
    private static partial int SetAffinity(int thread, nuint bytes, ulong* set);
}
