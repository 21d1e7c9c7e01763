using System.Globalization;

namespace TailorKV.Planner;

/// <summary>A memory limit: bytes, or a share of what the full KV cache takes.</summary>
public readonly record struct SizeLimit
{
    private SizeLimit(long? bytes, decimal? share)
    {
        Bytes = bytes;
        Share = share;
    }

    /// <summary>The limit in bytes, or null when it is a share.</summary>
    public long? Bytes { get; }

    /// <summary>The limit as a share of the full KV cache (0.25 for <c>25%</c>), or null when it is in bytes.</summary>
    public decimal? Share { get; }

    /// <summary>Reads a limit: a size as <see cref="ByteSize.Parse"/> takes it, or a percentage above 0 and up to 1000, as in <c>25%</c> or <c>12.5%</c>.</summary>
    /// <param name="text">The limit.</param>
    /// <exception cref="TailorKVException">The text is neither.</exception>
    public static SizeLimit Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (ByteSize.TryParse(text, out long bytes))
            return new SizeLimit(bytes, null);
        string trimmed = text.Trim();
        if (trimmed.EndsWith('%')
            && decimal.TryParse(trimmed.AsSpan(0, trimmed.Length - 1).TrimEnd(), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal percent)
            && percent is > 0 and <= 1000)
        {
            return new SizeLimit(null, percent / 100);
        }

        throw new TailorKVException(
            $"'{text}' is not a memory limit", "Write a size, as in 24GiB, 1.5GiB, 512MiB, 64KiB, 24GB or 1048576, or a share of the full KV cache above 0% and up to 1000%, as in 25%");
    }

    /// <summary>The limit in bytes, a share rounded down.</summary>
    /// <param name="fullBytes">What the full KV cache takes, in bytes.</param>
    public long Resolve(long fullBytes) => Bytes ?? (long)Math.Min(long.MaxValue, Share.GetValueOrDefault() * fullBytes);

    /// <summary>The limit as a person reads it: <c>1.50 GiB</c> or <c>25%</c>.</summary>
    public override string ToString() =>
        Bytes is { } bytes ? ByteSize.Format(bytes) : string.Create(CultureInfo.InvariantCulture, $"{Share.GetValueOrDefault() * 100:0.####}%");
}
