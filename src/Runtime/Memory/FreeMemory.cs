using System.Globalization;

namespace TailorKV.Runtime.Memory;

/// <summary>How much memory the machine, or the container the process runs in, can still give.</summary>
internal static class FreeMemory
{
    /// <summary>Bytes.</summary>
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
