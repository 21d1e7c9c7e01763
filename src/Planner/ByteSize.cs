using System.Globalization;

namespace TailorKV.Planner;

/// <summary>Sizes in bytes as people write them: <c>24GiB</c>, <c>1.5 GiB</c>, <c>512MiB</c>, <c>24GB</c> (decimal), <c>1048576</c>, <c>1048576B</c>.</summary>
public static class ByteSize
{
    private static readonly (string Suffix, long Bytes)[] Units =
    [
        ("TiB", 1L << 40), ("GiB", 1L << 30), ("MiB", 1L << 20), ("KiB", 1L << 10),
        ("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000), ("KB", 1_000), ("B", 1), ("", 1),
    ];

    /// <summary>Reads a size; the unit's case does not matter, and a fraction of a byte is cut off.</summary>
    /// <param name="text">The size.</param>
    /// <returns>Bytes, not negative.</returns>
    /// <exception cref="TailorKVException">The text is not a size, or more than <see cref="long.MaxValue"/> bytes.</exception>
    public static long Parse(string text) =>
        TryParse(text, out long bytes) ? bytes : throw new TailorKVException($"'{text}' is not a size", "Write bytes or a number with a unit, as in 24GiB, 1.5GiB, 512MiB, 64KiB, 24GB or 1048576");

    /// <summary>Reads a size, as <see cref="Parse"/> does, and says whether it could.</summary>
    /// <param name="text">The size.</param>
    /// <param name="bytes">Bytes, not negative; 0 when the text is not a size.</param>
    public static bool TryParse(string? text, out long bytes)
    {
        bytes = 0;
        text = text?.Trim() ?? "";
        var (suffix, factor) = Units.First(u => text.EndsWith(u.Suffix, StringComparison.OrdinalIgnoreCase));
        if (!decimal.TryParse(text.AsSpan(0, text.Length - suffix.Length).TrimEnd(), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal number)
            || number > (decimal)long.MaxValue / factor)
        {
            return false;
        }

        bytes = (long)(number * factor);
        return true;
    }

    /// <summary>Writes a size with two decimals in the largest binary unit it fills: <c>1.50 GiB</c>; below 1 KiB in bytes: <c>512 B</c>.</summary>
    /// <param name="bytes">The size in bytes; a negative one keeps its sign.</param>
    public static string Format(long bytes)
    {
        decimal magnitude = Math.Abs((decimal)bytes);
        var (suffix, factor) = Units.FirstOrDefault(u => u.Suffix.EndsWith("iB", StringComparison.Ordinal) && magnitude >= u.Bytes);
        return suffix is null
            ? string.Create(CultureInfo.InvariantCulture, $"{bytes} B")
            : string.Create(CultureInfo.InvariantCulture, $"{(decimal)bytes / factor:0.00} {suffix}");
    }
}
