using FsCheck;
using FsCheck.Xunit;

namespace TailorKV.Planner.Tests;

public class ByteSizeTests
{
    [Theory]
    [InlineData("24GiB", 24L << 30)]
    [InlineData("512MiB", 512L << 20)]
    [InlineData("64KiB", 64L << 10)]
    [InlineData("2TiB", 2L << 40)]
    [InlineData("1.5GiB", 3L << 29)]
    [InlineData("1.5 gib", 3L << 29)]
    [InlineData(" 24GB ", 24_000_000_000)]
    [InlineData("10KB", 10_000)]
    [InlineData("1048576", 1_048_576)]
    [InlineData("1048576B", 1_048_576)]
    [InlineData("0", 0)]
    [InlineData("9223372036854775807", long.MaxValue)]
    public void Parses(string text, long bytes) => Assert.Equal(bytes, ByteSize.Parse(text));

    [Theory]
    [InlineData("")]
    [InlineData("GiB")]
    [InlineData("-1GiB")]
    [InlineData("1,5GiB")]
    [InlineData("1e3")]
    [InlineData("NaN")]
    [InlineData("24Gi")]
    [InlineData("24 GiB 3")]
    [InlineData("9223372036854775808")]
    [InlineData("8388608TiB")]
    [InlineData("99999999999999999999999999999999999999GiB")]
    [InlineData("25%")]
    public void Refuses_naming_the_value_and_the_forms(string text)
    {
        var error = Assert.Throws<TailorKVException>(() => ByteSize.Parse(text));
        Assert.Contains($"'{text}'", error.Message, StringComparison.Ordinal);
        Assert.Contains("24GiB", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, "0 B")]
    [InlineData(1023, "1023 B")]
    [InlineData(1024, "1.00 KiB")]
    [InlineData(3L << 29, "1.50 GiB")]
    [InlineData(-(3L << 29), "-1.50 GiB")]
    [InlineData(long.MaxValue, "8388608.00 TiB")]
    [InlineData(long.MinValue, "-8388608.00 TiB")]
    public void Formats(long bytes, string text) => Assert.Equal(text, ByteSize.Format(bytes));

    [Property]
    public bool Bytes_written_plainly_come_back(DoNotSize<long> number, byte shorter) =>
        Size(number, shorter) is var bytes && ByteSize.Parse($"{bytes}") == bytes && ByteSize.Parse($"{bytes}B") == bytes;

    [Property]
    public bool What_is_formatted_comes_back_to_half_a_hundredth_of_its_unit(DoNotSize<long> number, byte shorter) =>
        Size(number, shorter) is var bytes && Math.Abs(ByteSize.Parse(ByteSize.Format(bytes)) - bytes) <= Math.Max(0, bytes / 200);

    [Theory]
    [InlineData("25%", 1000, 250)]
    [InlineData("12.5 %", 1001, 125)]
    [InlineData("100%", 1L << 50, 1L << 50)]
    [InlineData("1000%", long.MaxValue, long.MaxValue)]
    [InlineData("1KiB", 5, 1024)]
    public void Limits_resolve(string text, long full, long bytes) => Assert.Equal(bytes, SizeLimit.Parse(text).Resolve(full));

    [Theory]
    [InlineData("25%", "25%")]
    [InlineData("12.5%", "12.5%")]
    [InlineData("1536MiB", "1.50 GiB")]
    public void Limits_are_written_as_read(string text, string written) => Assert.Equal(written, SizeLimit.Parse(text).ToString());

    [Theory]
    [InlineData("%")]
    [InlineData("0%")]
    [InlineData("-5%")]
    [InlineData("1001%")]
    [InlineData("a lot")]
    public void Limits_refuse_naming_the_value_and_the_forms(string text)
    {
        var error = Assert.Throws<TailorKVException>(() => SizeLimit.Parse(text));
        Assert.Contains($"'{text}'", error.Message, StringComparison.Ordinal);
        Assert.Contains("25%", error.Message, StringComparison.Ordinal);
    }

    /// <summary>A size of any number of digits.</summary>
    private static long Size(DoNotSize<long> number, byte shorter) => (number.Item & long.MaxValue) >> (1 + (shorter % 62));
}
