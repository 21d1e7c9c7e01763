using System.Text;

namespace TailorKV.Planner;

/// <summary>Text of files, arguments and models made fit to be shown: a control character in it could rewrite the screen, and all of it could fill many screens.</summary>
public static class PrintableText
{
    private const string Gap = " ... ";

    /// <summary>Control characters, those that change the direction of text, and unpaired surrogates as they are written in JSON, as in <c>\u001b</c>. Line feeds and tabs stay.</summary>
    /// <param name="text">Any text.</param>
    public static string Visible(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        int first = 0;
        while (first < text.Length && !IsHidden(text, first))
            first++;
        if (first == text.Length)
            return text;
        var visible = new StringBuilder(text, 0, first, text.Length + 16);
        for (int i = first; i < text.Length; i++)
        {
            if (IsHidden(text, i))
                visible.Append($"\\u{(int)text[i]:x4}");
            else
                visible.Append(text[i]);
        }

        return visible.ToString();
    }

    /// <summary>A text on one line, white space between words a single space, as <see cref="Visible"/> shows it; where it is longer than allowed, its beginning and end.</summary>
    /// <param name="text">Any text.</param>
    /// <param name="most">The most characters, 32 or more.</param>
    public static string Line(string text, int most)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentOutOfRangeException.ThrowIfLessThan(most, 32);
        // A character becomes six at the most, so that what is cut off need not be looked at.
        string line = Visible(Spaced(Shortened(text, 6 * most)));
        return Shortened(line, most);
    }

    private static bool IsHidden(string text, int index)
    {
        char c = text[index];
        return c switch
        {
            '\n' or '\t' => false,
            >= '\u202a' and <= '\u202e' or >= '\u2066' and <= '\u2069' or '\u2028' or '\u2029' => true,
            _ when char.IsHighSurrogate(c) => index + 1 == text.Length || !char.IsLowSurrogate(text[index + 1]),
            _ when char.IsLowSurrogate(c) => index == 0 || !char.IsHighSurrogate(text[index - 1]),
            _ => char.IsControl(c),
        };
    }

    private static string Spaced(string text)
    {
        var spaced = new StringBuilder(text.Length);
        foreach (char c in text.Trim())
        {
            if (c is not (' ' or '\t' or '\n' or '\r'))
                spaced.Append(c);
            else if (spaced[^1] != ' ')
                spaced.Append(' ');
        }

        return spaced.ToString();
    }

    private static string Shortened(string text, int most)
    {
        if (text.Length <= most)
            return text;
        int end = (most - Gap.Length) / 3, start = most - Gap.Length - end;
        if (char.IsHighSurrogate(text[start - 1]))
            start--;
        if (char.IsLowSurrogate(text[^end]))
            end--;
        return string.Concat(text.AsSpan(0, start), Gap, text.AsSpan(text.Length - end));
    }
}
