using System.Globalization;
using TailorKV.Planner;

namespace TailorKV.Runtime.Memory;

/// <summary>How much memory the machine, or the container the process runs in, can still give.</summary>
internal static class FreeMemory
{
    /// <summary>Refuses work that needs more than there is.</summary>
    /// <param name="bytes">What it needs.</param>
    /// <param name="what">What it is.</param>
    /// <exception cref="CapacityExceededException">There is less.</exception>
    public static void Require(long bytes, string what)
    {
        long free = Bytes();
        if (bytes > free)
        {
            throw new CapacityExceededException(
                $"{what} takes {bytes} bytes ({ByteSize.Format(bytes)}) of memory, and {free} ({ByteSize.Format(free)}) are free",
                "Ask for a shorter context, or free memory");
        }
    }

    /// <summary>Bytes free.</summary>
    public static long Bytes()
    {
        long limit = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        const string Info = "/proc/meminfo";
        if (!File.Exists(Info))
            return limit;
        foreach (string line in File.ReadLines(Info))
        {
            if (line.StartsWith("MemAvailable:", StringComparison.Ordinal)
                && long.TryParse(line.AsSpan(13).TrimEnd("kB").Trim(), CultureInfo.InvariantCulture, out long kibibytes))
            {
                return Math.Min(limit, kibibytes << 10);
            }
        }

        return limit;
    }
}
