using System.Globalization;
using System.Text;

namespace TailorKV.Runtime.Tokenizers.Templates;

/// <summary>Writes values as Python's <c>str</c> and <c>repr</c> do.</summary>
internal sealed class TemplateText(TemplateErrors errors)
{
    private readonly StringBuilder text = new();

    /// <summary>The text that printing a value shows.</summary>
    public static string Of(object? value, TemplateErrors errors) => value switch
    {
        string text => text,
        Undefined => "",
        _ => Represent(value, errors),
    };

    /// <summary>The text that shows what a value is: strings in quotes.</summary>
    public static string Represent(object? value, TemplateErrors errors)
    {
        var writer = new TemplateText(errors);
        writer.Write(value);
        return writer.text.ToString();
    }

    private void Write(object? value)
    {
        errors.CheckStack();
        switch (value)
        {
            case null:
                Append("None");
                break;
            case bool flag:
                Append(flag ? "True" : "False");
                break;
            case long number:
                Append(number.ToString(CultureInfo.InvariantCulture));
                break;
            case double number:
                Append(PythonNumber.Text(number));
                break;
            case string part:
                WriteString(part);
                break;
            case Undefined:
                Append("Undefined");
                break;
            case TemplateTuple tuple:
                WriteItems("(", tuple, tuple.Count == 1 ? ",)" : ")");
                break;
            case List<object?> items:
                WriteItems("[", items, "]");
                break;
            case TemplateMapping mapping:
                WritePairs("{", mapping.Pairs, "}");
                break;
            case TemplateNamespace space:
                WritePairs("<Namespace {", space.Members.Select(member => ((object?)member.Key, member.Value)), "}>");
                break;
            default:
                throw errors.Unsupported($"{TemplateValue.Kind(value)} as text");
        }
    }

    private void WriteItems(string open, List<object?> items, string close)
    {
        Append(open);
        for (int i = 0; i < items.Count; i++)
        {
            Append(i > 0 ? ", " : "");
            Write(items[i]);
        }
        Append(close);
    }

    private void WritePairs(string open, IEnumerable<(object? Key, object? Value)> pairs, string close)
    {
        Append(open);
        string separator = "";
        foreach ((object? key, object? value) in pairs)
        {
            Append(separator);
            Write(key);
            Append(": ");
            Write(value);
            separator = ", ";
        }
        Append(close);
    }

    private void WriteString(string part)
    {
        char quote = part.Contains('\'') && !part.Contains('"') ? '"' : '\'';
        Append([quote]);
        int written = 0;
        int position = 0;
        foreach (Rune rune in part.EnumerateRunes())
        {
            if (Escape(rune, quote) is { } escape)
            {
                Append(part.AsSpan(written, position - written));
                Append(escape);
                written = position + rune.Utf16SequenceLength;
            }
            position += rune.Utf16SequenceLength;
        }
        Append(part.AsSpan(written));
        Append([quote]);
    }

    private static string? Escape(Rune rune, char quote) => rune.Value switch
    {
        '\\' => @"\\",
        '\n' => "\\n",
        '\r' => "\\r",
        '\t' => "\\t",
        _ when rune.Value == quote => "\\" + quote,
        _ when IsPrintable(rune) => null,
        < 0x100 => $"\\x{rune.Value:x2}",
        < 0x10000 => $"\\u{rune.Value:x4}",
        _ => $"\\U{rune.Value:x8}",
    };

    private static bool IsPrintable(Rune rune) => rune.Value == ' ' || Rune.GetUnicodeCategory(rune) is not (
        UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned
        or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.SpaceSeparator);

    private void Append(ReadOnlySpan<char> part)
    {
        errors.ChargeAppend(text, part.Length);
        text.Append(part);
    }
}
