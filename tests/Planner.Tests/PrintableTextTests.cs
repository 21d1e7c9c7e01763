using System.Text;
using FsCheck;
using FsCheck.Xunit;

namespace TailorKV.Planner.Tests;

public class PrintableTextTests
{
    [Theory]
    [InlineData("plain, with ä, 漢 and 😀\n\t", "plain, with ä, 漢 and 😀\n\t")]
    [InlineData("\u001b[31m", "\\u001b[31m")]
    [InlineData("a\rb\u007f\u0085\u202e\u2066\u2028", "a\\u000db\\u007f\\u0085\\u202e\\u2066\\u2028")]
    public void Control_characters_are_written_out(string text, string visible) => Assert.Equal(visible, PrintableText.Visible(text));

    // Not a theory's row: those are passed on in UTF-8, which has no half surrogates.
    [Fact]
    public void Half_a_surrogate_is_written_out() => Assert.Equal("\\ud83d", PrintableText.Visible("\ud83d"));

    [Theory]
    [InlineData(" a\r\n\tb  c\n", "a b c")]
    [InlineData("", "")]
    [InlineData("\n", "")]
    public void A_line_has_no_other_white_space_than_single_spaces(string text, string line) => Assert.Equal(line, PrintableText.Line(text, 32));

    [Property]
    public void A_line_is_short_visible_and_well_formed(string? text, NonNegativeInt times, PositiveInt most)
    {
        int length = 31 + most.Get;
        string line = PrintableText.Line(string.Concat(Enumerable.Repeat(text ?? "", times.Get % 50)), length);
        Assert.InRange(line.Length, 0, length);
        Assert.Equal(PrintableText.Visible(line), line);
        Assert.DoesNotContain('\n', line);
        Assert.Equal(line, Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(line)));
    }

    [Fact]
    public void An_error_is_short_whatever_it_quotes()
    {
        string all = new('x', 16 << 20);
        var error = new TailorKVException($"'{all}' is not a number", $"Give one, not '{all}'", all);
        Assert.InRange(error.Message.Length, 100, 1000);
        Assert.Contains("is not a number", error.Message, StringComparison.Ordinal);
        Assert.Equal(all, error.File);
    }
}
