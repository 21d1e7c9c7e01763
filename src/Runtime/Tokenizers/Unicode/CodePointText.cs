using System.Globalization;
using System.Text;

namespace TailorKV.Runtime.Tokenizers.Unicode;

/// <summary>
/// A text with one char per code point, for matching patterns that mean code points: each code point beyond the BMP is represented by a
/// rare BMP character of the same Unicode category, since .NET's expressions see surrogates, which belong to no category of interest.
/// </summary>
internal readonly struct CodePointText
{
    private readonly string text;
    private readonly int[]? offsets;

    public CodePointText(string text)
    {
        this.text = text;
        Letters = text;
        if (!text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF'))
            return;
        var letters = new StringBuilder(text.Length);
        var starts = new List<int>(text.Length + 1);
        int position = 0;
        foreach (Rune rune in text.EnumerateRunes())
        {
            starts.Add(position);
            letters.Append(rune.IsBmp ? (char)rune.Value : Representative(Rune.GetUnicodeCategory(rune)));
            position += rune.Utf16SequenceLength;
        }
        starts.Add(position);
        Letters = letters.ToString();
        offsets = [.. starts];
    }

    /// <summary>One char per code point.</summary>
    public string Letters { get; }

    /// <summary>The original text of a range of <see cref="Letters"/>.</summary>
    public ReadOnlySpan<char> Slice(int start, int length) =>
        offsets is null ? text.AsSpan(start, length) : text.AsSpan(offsets[start], offsets[start + length] - offsets[start]);

    /// <summary>The text with U+FFFD in place of unpaired surrogates.</summary>
    public static string WellFormed(string text)
    {
        if (!text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF'))
            return text;
        var result = new StringBuilder(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
            result.Append(rune.ToString());
        return result.ToString();
    }

    internal static char Representative(UnicodeCategory category) => category switch
    {
        UnicodeCategory.UppercaseLetter => '\uA722',
        UnicodeCategory.LowercaseLetter => '\uA723',
        UnicodeCategory.TitlecaseLetter => '\u1F88',
        UnicodeCategory.ModifierLetter => '\uA717',
        UnicodeCategory.OtherLetter => '\uA4D0',
        UnicodeCategory.NonSpacingMark => '\uA66F',
        UnicodeCategory.SpacingCombiningMark => '\uA823',
        UnicodeCategory.EnclosingMark => '\uA670',
        UnicodeCategory.DecimalDigitNumber => '\uA620',
        UnicodeCategory.LetterNumber => '\uA6E6',
        UnicodeCategory.OtherNumber => '\uA830',
        UnicodeCategory.Format => '\uFFF9',
        UnicodeCategory.PrivateUse => '\uE000',
        UnicodeCategory.ConnectorPunctuation => '\u2054',
        UnicodeCategory.DashPunctuation => '\u2E3A',
        UnicodeCategory.OpenPunctuation => '\u2E28',
        UnicodeCategory.ClosePunctuation => '\u2E29',
        UnicodeCategory.InitialQuotePunctuation => '\u2E1C',
        UnicodeCategory.FinalQuotePunctuation => '\u2E1D',
        UnicodeCategory.OtherPunctuation => '\uA4FE',
        UnicodeCategory.MathSymbol => '\u2A00',
        UnicodeCategory.CurrencySymbol => '\uA838',
        UnicodeCategory.ModifierSymbol => '\uA700',
        UnicodeCategory.OtherSymbol => '\uA490',
        _ => '\u2FE0',
    };
}
