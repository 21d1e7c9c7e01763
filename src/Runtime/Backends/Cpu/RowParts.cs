namespace TailorKV.Runtime.Backends.Cpu;

/// <summary>Rows in parts for a pool of threads: a part takes some microseconds, and a few rows are one part, which the caller does.</summary>
internal static class RowParts
{
    private const int Rows = 16;

    /// <summary>How many parts some rows make.</summary>
    public static int Of(int count) => (count + Rows - 1) / Rows;

    /// <summary>The first row of a part.</summary>
    public static int Start(int part) => part * Rows;

    /// <summary>The row after a part's last.</summary>
    public static int End(int part, int count) => Math.Min(count, (part + 1) * Rows);
}
