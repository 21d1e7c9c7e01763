using System.Runtime.InteropServices;

namespace TailorKV.Runtime.Memory;

/// <summary>
/// Pages of 2 MiB in place of 4 KiB, where Linux gives them to who asks (its setting <c>madvise</c>): weights and caches are read from end to end for every token, and
/// at each page the processor has to look up where it lies, and guess anew what is read next.
/// </summary>
internal static unsafe partial class LargePages
{
    private const int Advice = 14;
    private const long Bytes = 2L << 20;

    /// <summary>Asks for them under untouched memory, which is used as before where there are none.</summary>
    /// <param name="start">Where it begins.</param>
    /// <param name="bytes">Its size.</param>
    public static void Ask(nint start, long bytes)
    {
        if (!OperatingSystem.IsLinux())
            return;
        long first = (start + Bytes - 1) / Bytes * Bytes, end = (start + bytes) / Bytes * Bytes;
        if (first < end)
            _ = Advise((void*)first, (nuint)(end - first), Advice);
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(void* start, nuint bytes, int advice);
}
