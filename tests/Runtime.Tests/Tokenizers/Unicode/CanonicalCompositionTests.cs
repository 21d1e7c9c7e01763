using TailorKV.Runtime.Tokenizers.Unicode;

namespace TailorKV.Runtime.Tests.Tokenizers.Unicode;

public class CanonicalCompositionTests
{
    // Columns source and NFC of cases in the manner of Unicode's NormalizationTest.txt.
    [Theory]
    [InlineData("plain", "plain")]
    [InlineData("e\u0301", "\u00e9")]
    [InlineData("q\u0307\u0323", "q\u0323\u0307")]
    [InlineData("\u1e0b\u0323", "\u1e0d\u0307")]
    [InlineData("\u212b", "\u00c5")]
    [InlineData("\u0958", "\u0915\u093c")]
    [InlineData("\u1100\u1161\u11a8", "\uac01")]
    [InlineData("\uac00\u11a8", "\uac01")]
    [InlineData("\uac00\u11a7", "\uac00\u11a7")]
    [InlineData("a\u0315\u0300\u05ae\u0062", "\u00e0\u05ae\u0315b")]
    [InlineData("\U0001109A", "\U0001109A")]
    [InlineData("\U00011099\U000110BA", "\U0001109A")]
    [InlineData("\u0301\u0301e", "\u0301\u0301e")]
    public void Follows_the_standard(string text, string expected) => Assert.Equal(expected, CanonicalComposition.Normalize(text));
}
