using System.Text;

namespace TailorKV.Runtime.Tokenizers.Templates;

/// <summary>Python's view of strings, a row of code points, over .NET's.</summary>
internal static class PythonText
{
    /// <summary>White space, as <c>str.isspace</c> says.</summary>
    public static bool IsSpace(char letter) => char.IsWhiteSpace(letter) || letter is >= '\x1C' and <= '\x1F';

    /// <summary>The number of code points.</summary>
    public static int Length(string text)
    {
        int length = text.Length;
        if (IsBmp(text))
            return length;
        for (int i = 1; i < text.Length; i++)
            length -= char.IsSurrogatePair(text[i - 1], text[i]) ? 1 : 0;
        return length;
    }

    /// <summary>The text without surrounding letters of a set, or without white space where that is null.</summary>
    public static string Strip(string text, string? letters, bool left, bool right)
    {
        int start = 0, end = text.Length;
        Rune[]? set = letters is null ? null : [.. letters.EnumerateRunes()];
        while (left && start < end && Belongs(Rune.GetRuneAt(text, start), set))
            start += Rune.GetRuneAt(text, start).Utf16SequenceLength;
        while (right && end > start && Belongs(Last(text, end), set))
            end -= Last(text, end).Utf16SequenceLength;
        return text[start..end];
    }

    /// <summary>The code points at a start, a start + step, ...: <paramref name="count"/> of them.</summary>
    public static string Pick(string text, int start, int step, int count)
    {
        if (step == 1)
        {
            int from = Skip(text, 0, start);
            return text[from..Skip(text, from, count)];
        }
        Rune[] runes = [.. text.EnumerateRunes()];
        var picked = new StringBuilder(count);
        Span<char> letters = stackalloc char[2];
        for (int i = 0; i < count; i++)
            picked.Append(letters[..runes[start + (i * step)].EncodeToUtf16(letters)]);
        return picked.ToString();
    }

    /// <summary>The pieces between occurrences of a separator, or between white space where that is null; at most <paramref name="most"/> cuts, from the end where asked.</summary>
    public static List<object?> Split(string text, string? separator, long most, bool fromEnd)
    {
        var pieces = new List<object?>();
        if (separator is null)
            text = Strip(text, null, left: !fromEnd, right: fromEnd);
        int start = 0, end = text.Length;
        while (end > start && pieces.Count < most && FindCut(text, separator, start, end, fromEnd) is var (cut, length))
        {
            pieces.Add(fromEnd ? text[(cut + length)..end] : text[start..cut]);
            (start, end) = fromEnd ? (start, cut) : (cut + length, end);
        }
        if (separator is not null || end > start)
            pieces.Add(text[start..end]);
        if (fromEnd)
            pieces.Reverse();
        return pieces;
    }

    /// <summary>The lines, without what ends them unless that is kept.</summary>
    public static List<object?> SplitLines(string text, bool keepEnds)
    {
        var lines = new List<object?>();
        int start = 0;
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] is not ('\n' or '\r' or '\v' or '\f' or (>= '\x1C' and <= '\x1E') or '\x85' or '\u2028' or '\u2029'))
                continue;
            int end = i;
            if (text[i] == '\r' && i + 1 < text.Length && text[i + 1] == '\n')
                i++;
            lines.Add(text[start..(keepEnds ? i + 1 : end)]);
            start = i + 1;
        }
        if (start < text.Length)
            lines.Add(text[start..]);
        return lines;
    }

    /// <summary>The number of times that a part, not empty, occurs without overlap.</summary>
    public static int Count(string text, string part)
    {
        int count = 0;
        for (int at = text.IndexOf(part, StringComparison.Ordinal); at >= 0; at = text.IndexOf(part, at + part.Length, StringComparison.Ordinal))
            count++;
        return count;
    }

    /// <summary>Replaces the first <paramref name="most"/> occurrences; an empty part occurs around every code point.</summary>
    public static string Replace(string text, string part, string replacement, long most)
    {
        var replaced = new StringBuilder();
        int position = 0;
        for (; most > 0 && position <= text.Length; most--)
        {
            int at = part.Length == 0 ? position : text.IndexOf(part, position, StringComparison.Ordinal);
            if (at < 0)
                break;
            replaced.Append(text, position, at - position).Append(replacement);
            position = at + part.Length;
            if (part.Length > 0)
                continue;
            if (position == text.Length)
                return replaced.ToString();
            int letter = Rune.GetRuneAt(text, position).Utf16SequenceLength;
            replaced.Append(text, position, letter);
            position += letter;
        }
        return replaced.Append(text, position, text.Length - position).ToString();
    }

    /// <summary>The order of two texts by code points.</summary>
    public static int Compare(string left, string right)
    {
        int length = left.AsSpan().CommonPrefixLength(right);
        if (length == left.Length || length == right.Length)
            return left.Length.CompareTo(right.Length);
        (char a, char b) = (left[length], right[length]);
        // A surrogate stands for a code point above all others.
        return char.IsSurrogate(a) == char.IsSurrogate(b) ? a.CompareTo(b) : char.IsSurrogate(a) ? 1 : -1;
    }

    /// <summary>The index some code points on.</summary>
    private static int Skip(string text, int from, int count)
    {
        if (!text.AsSpan(from, count).ContainsAnyInRange('\uD800', '\uDFFF'))
            return from + count;
        for (; count > 0; count--)
            from += Rune.GetRuneAt(text, from).Utf16SequenceLength;
        return from;
    }

    private static bool IsBmp(string text) => !text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF');

    private static bool Belongs(Rune rune, Rune[]? set) => set is null ? rune.IsBmp && IsSpace((char)rune.Value) : set.Contains(rune);

    private static Rune Last(string text, int end)
    {
        Rune.DecodeLastFromUtf16(text.AsSpan(0, end), out Rune rune, out _);
        return rune;
    }

    private static (int At, int Length)? FindCut(string text, string? separator, int start, int end, bool fromEnd)
    {
        ReadOnlySpan<char> part = text.AsSpan(start, end - start);
        if (separator is not null)
        {
            int at = fromEnd ? part.LastIndexOf(separator, StringComparison.Ordinal) : part.IndexOf(separator, StringComparison.Ordinal);
            return at < 0 ? null : (start + at, separator.Length);
        }
        int from = fromEnd ? end - 1 : start;
        int step = fromEnd ? -1 : 1;
        while (from >= start && from < end && !IsSpace(text[from]))
            from += step;
        if (from < start || from >= end)
            return null;
        int to = from;
        while (to + step >= start && to + step < end && IsSpace(text[to + step]))
            to += step;
        return (Math.Min(from, to), Math.Abs(to - from) + 1);
    }
}
