using System.Globalization;
using System.Text;

namespace TailorKV.Runtime.Tokenizers.Templates;

/// <summary>Upper, lower and title case as Python has them: Unicode's full mappings, where .NET maps letter by letter.</summary>
internal static class PythonCase
{
    private const char Sigma = '\u03A3', FinalSigma = '\u03C2';
    private static readonly Lazy<Dictionary<int, (string Upper, string Title)>> Special = new(ReadSpecial);

    public static string Upper(string text) => Map(text, rune => Special.Value.TryGetValue(rune.Value, out (string Upper, string Title) special) ? special.Upper : null, text.ToUpperInvariant);

    public static string Lower(string text)
    {
        if (Ascii.IsValid(text))
            return text.ToLowerInvariant();
        var lower = new StringBuilder(text.Length);
        for (int i = 0; i < text.Length; i += Rune.GetRuneAt(text, i).Utf16SequenceLength)
            AppendLower(lower, text, i);
        return lower.ToString();
    }

    /// <summary>The first letter in title case, the others in lower case.</summary>
    public static string Capitalize(string text)
    {
        if (text.Length == 0)
            return text;
        int first = Rune.GetRuneAt(text, 0).Utf16SequenceLength;
        return Title(Rune.GetRuneAt(text, 0)) + Lower(text)[Lower(text[..first]).Length..];
    }

    /// <summary>Every letter after one without case in title case, the others in lower case.</summary>
    public static string Title(string text)
    {
        var title = new StringBuilder(text.Length);
        bool followsLetter = false;
        for (int i = 0; i < text.Length; i += Rune.GetRuneAt(text, i).Utf16SequenceLength)
        {
            Rune rune = Rune.GetRuneAt(text, i);
            if (followsLetter)
                AppendLower(title, text, i);
            else
                title.Append(Title(rune));
            followsLetter = IsCased(rune);
        }
        return title.ToString();
    }

    public static string SwapCase(string text)
    {
        var swapped = new StringBuilder(text.Length);
        for (int i = 0; i < text.Length; i += Rune.GetRuneAt(text, i).Utf16SequenceLength)
        {
            Rune rune = Rune.GetRuneAt(text, i);
            if (Rune.IsUpper(rune))
                AppendLower(swapped, text, i);
            else
                swapped.Append(Rune.IsLower(rune) ? Upper(rune.ToString()) : rune.ToString());
        }
        return swapped.ToString();
    }

    /// <summary>Whether the text has letters with case, and all of those are of this one.</summary>
    public static bool IsAll(string text, bool upper)
    {
        bool any = false;
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (upper ? Rune.IsLower(rune) || IsTitle(rune) : Rune.IsUpper(rune) || IsTitle(rune))
                return false;
            any |= IsCased(rune);
        }
        return any;
    }

    private static string Map(string text, Func<Rune, string?> special, Func<string> plain)
    {
        if (Ascii.IsValid(text))
            return plain();
        var mapped = new StringBuilder(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
            mapped.Append(special(rune) ?? Rune.ToUpperInvariant(rune).ToString());
        return mapped.ToString();
    }

    private static string Title(Rune rune) => rune.Value is >= 0x10D0 and <= 0x10FF ? rune.ToString()
        : Special.Value.TryGetValue(rune.Value, out (string Upper, string Title) special) ? special.Title
        : Rune.ToUpperInvariant(rune).ToString();

    private static void AppendLower(StringBuilder lower, string text, int index)
    {
        Rune rune = Rune.GetRuneAt(text, index);
        if (rune.Value == Sigma)
            lower.Append(EndsWord(text, index) ? FinalSigma : '\u03C3');
        else if (rune.Value == 0x130)
            lower.Append("i\u0307");
        else
            lower.Append(Rune.ToLowerInvariant(rune).ToString());
    }

    /// <summary>Whether a letter with case stands before and none after, but for signs that case passes over.</summary>
    private static bool EndsWord(string text, int index)
    {
        int before = index - 1;
        while (before >= 0 && IsPassedOver(text[before]))
            before--;
        if (before > 0 && char.IsLowSurrogate(text[before]))
            before--;
        int after = index + 1;
        while (after < text.Length && IsPassedOver(text[after]))
            after++;
        return before >= 0 && IsCased(Rune.GetRuneAt(text, before)) && !(after < text.Length && IsCased(Rune.GetRuneAt(text, after)));
    }

    private static bool IsPassedOver(char letter) => letter is '\'' or '.' or ':' or '^' or '`' or '\u00B7' or '\u2019'
        || char.GetUnicodeCategory(letter) is UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark or UnicodeCategory.Format or UnicodeCategory.ModifierLetter
            or UnicodeCategory.ModifierSymbol;

    private static bool IsCased(Rune rune) => Rune.IsUpper(rune) || Rune.IsLower(rune) || IsTitle(rune);

    private static bool IsTitle(Rune rune) => Rune.GetUnicodeCategory(rune) == UnicodeCategory.TitlecaseLetter;

    private static Dictionary<int, (string Upper, string Title)> ReadSpecial()
    {
        using Stream stream = typeof(PythonCase).Assembly.GetManifestResourceStream("TailorKV.Runtime.Tokenizers.Templates.SpecialCasing.txt")!;
        using var reader = new StreamReader(stream);
        var special = new Dictionary<int, (string Upper, string Title)>();
        while (reader.ReadLine() is { } line)
        {
            if (line.StartsWith('#'))
                continue;
            string[] parts = [.. line.Split("; ").Select(part => string.Concat(part.Split(' ').Select(code => char.ConvertFromUtf32(Convert.ToInt32(code, 16)))))];
            special.Add(Rune.GetRuneAt(parts[0], 0).Value, (parts[1], parts[2]));
        }
        return special;
    }
}
