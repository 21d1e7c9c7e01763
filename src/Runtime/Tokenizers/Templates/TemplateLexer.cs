using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using TailorKV.Planner;
using TailorKV.Runtime.Tokenizers.Unicode;

namespace TailorKV.Runtime.Tokenizers.Templates;

/// <summary>Cuts a template into tokens and applies Jinja's white space rules with trim_blocks and lstrip_blocks on, as transformers sets them.</summary>
internal sealed partial class TemplateLexer
{
    private static readonly string[] Operators =
        ["==", "!=", "<=", ">=", "**", "//", "(", ")", "[", "]", "{", "}", ",", ".", ":", "|", "+", "-", "*", "/", "%", "~", "=", "<", ">"];

    private const int LongestTemplate = 1 << 20;
    private readonly List<TemplateToken> tokens = [];
    private readonly string source;
    private readonly string file;
    private int position;
    private int line = 1;

    public TemplateLexer(string template, string file)
    {
        this.file = file;
        if (template.Length > LongestTemplate)
            throw new InvalidFileException(file, $"The chat template has {template.Length} characters, more than {LongestTemplate}", "Use the model's original template");
        source = CodePointText.WellFormed(template).Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n');
        if (source.EndsWith('\n'))
            source = source[..^1];
    }

    public List<TemplateToken> Read()
    {
        while (position < source.Length)
        {
            int tag = FindTag(position);
            ReadText(tag);
            if (tag == source.Length)
                break;
            bool isPrint = source[tag + 1] == '{';
            position = tag + 2;
            if (position < source.Length && source[position] is '-' or '+')
                position++;
            if (source[tag + 1] == '#')
            {
                int end = source.IndexOf("#}", position, StringComparison.Ordinal);
                if (end < 0)
                    throw Invalid("A comment does not end");
                CountLines(position, end);
                position = end + 2;
                TrimAfter(source[end - 1], isPrint: false);
                continue;
            }
            if (!isPrint && TryReadRaw())
                continue;
            Add(isPrint ? TemplateTokenKind.PrintBegin : TemplateTokenKind.BlockBegin, source[tag..position]);
            ReadTag(isPrint);
        }
        Add(TemplateTokenKind.EndOfTemplate, "the end of the template");
        return tokens;
    }

    /// <summary>Copies what lies between <c>{% raw %}</c>, which the position is within, and <c>{% endraw %}</c>.</summary>
    private bool TryReadRaw()
    {
        Match begin = RawBegin().Match(source, position);
        if (!begin.Success)
            return false;
        position += begin.Length;
        TrimAfter(begin.Value.EndsWith("-%}", StringComparison.Ordinal) ? '-' : '+', isPrint: false);
        Match end = RawEnd().Match(source, position);
        if (!end.Success)
            throw Invalid("A raw block does not end");
        ReadText(end.Index);
        position = end.Index + end.Length;
        TrimAfter(source[position - 3], isPrint: false);
        return true;
    }

    private int FindTag(int from)
    {
        for (int i = source.IndexOf('{', from); i >= 0; i = source.IndexOf('{', i + 1))
        {
            if (i + 1 < source.Length && source[i + 1] is '{' or '%' or '#')
                return i;
        }
        return source.Length;
    }

    private void ReadText(int tag)
    {
        ReadOnlySpan<char> text = source.AsSpan(position, tag - position);
        if (tag < source.Length)
        {
            char sign = tag + 2 < source.Length ? source[tag + 2] : ' ';
            if (sign == '-')
            {
                text = text[..PythonText.Strip(text.ToString(), null, left: false, right: true).Length];
            }
            else if (sign != '+' && source[tag + 1] != '{')
            {
                int lineStart = text.LastIndexOf('\n') + 1;
                bool startsLine = lineStart > 0 || position == 0 || source[position - 1] == '\n';
                if (startsLine && IsBlank(text[lineStart..]))
                    text = text[..lineStart];
            }
        }
        if (!text.IsEmpty)
            Add(TemplateTokenKind.Text, text.ToString());
        CountLines(position, tag);
        position = tag;
    }

    private void ReadTag(bool isPrint)
    {
        string end = isPrint ? "}}" : "%}";
        int braces = 0;
        while (true)
        {
            while (position < source.Length && PythonText.IsSpace(source[position]))
                line += source[position++] == '\n' ? 1 : 0;
            if (position >= source.Length)
                throw Invalid($"A tag does not end with {end}");
            char first = source[position];
            int sign = first is '-' or '+' ? 1 : 0;
            if (braces == 0 && string.CompareOrdinal(source, position + sign, end, 0, 2) == 0)
            {
                position += sign + 2;
                Add(TemplateTokenKind.End, end);
                TrimAfter(first, isPrint);
                return;
            }
            if (first is '\'' or '"')
            {
                ReadString(first);
            }
            else if (char.IsAsciiDigit(first))
            {
                ReadNumber();
            }
            else if (char.IsLetter(first) || first == '_')
            {
                AddWhile(TemplateTokenKind.Name, letter => char.IsLetterOrDigit(letter) || letter == '_');
            }
            else
            {
                string found = Array.Find(Operators, sample => string.CompareOrdinal(source, position, sample, 0, sample.Length) == 0)
                    ?? throw Invalid($"The character '{first}' has no meaning in a tag");
                position += found.Length;
                braces += found switch { "{" => 1, "}" => -1, _ => 0 };
                Add(TemplateTokenKind.Operator, found);
            }
        }
    }

    private void ReadString(char quote)
    {
        var text = new StringBuilder();
        for (position++; position < source.Length && source[position] != quote; position++)
        {
            char letter = source[position];
            line += letter == '\n' ? 1 : 0;
            if (letter != '\\' || position + 1 >= source.Length)
            {
                text.Append(letter);
                continue;
            }
            position++;
            ReadEscape(text);
        }
        if (position >= source.Length)
            throw Invalid("A string does not end");
        position++;
        Add(TemplateTokenKind.String, CodePointText.WellFormed(text.ToString()));
    }

    private void ReadEscape(StringBuilder text)
    {
        char escape = source[position];
        int digits = escape switch { 'x' => 2, 'u' => 4, 'U' => 8, _ => 0 };
        if (digits > 0)
        {
            if (position + digits >= source.Length
                || !int.TryParse(source.AsSpan(position + 1, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int code)
                || code is < 0 or > 0x10FFFF)
            {
                throw Invalid($"The escape \\{escape} lacks its {digits} hexadecimal digits");
            }
            text.Append(code > char.MaxValue ? char.ConvertFromUtf32(code) : ((char)code).ToString());
            position += digits;
            return;
        }
        if (escape is >= '0' and <= '7')
        {
            int code = 0;
            int end = Math.Min(position + 3, source.Length);
            for (; position < end && source[position] is >= '0' and <= '7'; position++)
                code = (code * 8) + source[position] - '0';
            position--;
            text.Append((char)code);
            return;
        }
        text.Append(escape switch
        {
            'n' => "\n",
            't' => "\t",
            'r' => "\r",
            'a' => "\a",
            'b' => "\b",
            'f' => "\f",
            'v' => "\v",
            '\n' => string.Empty,
            '\\' or '\'' or '"' => escape.ToString(),
            _ => "\\" + escape,
        });
    }

    private void ReadNumber()
    {
        Match number = Number().Match(source, position);
        position += number.Length;
        bool isFraction = number.Groups["fraction"].Length > 0;
        Add(isFraction ? TemplateTokenKind.Fraction : TemplateTokenKind.Integer, number.Value.Replace("_", "", StringComparison.Ordinal));
    }

    private static bool IsBlank(ReadOnlySpan<char> text)
    {
        foreach (char letter in text)
        {
            if (!PythonText.IsSpace(letter))
                return false;
        }
        return true;
    }

    [GeneratedRegex(@"\G[\s\x1C-\x1F]*raw[\s\x1C-\x1F]*-?%\}", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex RawBegin();

    [GeneratedRegex(@"\{%[-+]?[\s\x1C-\x1F]*endraw[\s\x1C-\x1F]*[-+]?%\}", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex RawEnd();

    [GeneratedRegex(
        @"\G(0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|[0-9][0-9_]*(?<fraction>(\.[0-9][0-9_]*)?([eE][-+]?[0-9][0-9_]*)?))",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex Number();

    private void AddWhile(TemplateTokenKind kind, Func<char, bool> belongs)
    {
        int start = position;
        while (position < source.Length && belongs(source[position]))
            position++;
        Add(kind, source[start..position]);
    }

    private void TrimAfter(char sign, bool isPrint)
    {
        int start = position;
        if (sign == '-')
        {
            while (position < source.Length && PythonText.IsSpace(source[position]))
                position++;
        }
        else if (!isPrint && sign != '+' && position < source.Length && source[position] == '\n')
        {
            position++;
        }
        CountLines(start, position);
    }

    private void CountLines(int start, int end) => line += source.AsSpan(start, end - start).Count('\n');

    private void Add(TemplateTokenKind kind, string text) => tokens.Add(new TemplateToken(kind, text, line));

    private InvalidFileException Invalid(string problem) => new(file, $"The chat template is malformed at line {line}: {problem}", "Use the model's original template");
}
