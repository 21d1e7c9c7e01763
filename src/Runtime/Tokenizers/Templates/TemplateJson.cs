using System.Text;

namespace TailorKV.Runtime.Tokenizers.Templates;

/// <summary>Writes values as JSON, as Python's json.dumps does for the transformers library's tojson.</summary>
/// <param name="indent">The white space of a level, or null for one line.</param>
/// <param name="itemSeparator">Between items.</param>
/// <param name="keySeparator">Between key and value.</param>
/// <param name="sortsKeys">Whether mappings are written in the order of their keys.</param>
/// <param name="onlyAscii">Whether other characters are escaped.</param>
/// <param name="errors">Counts the work.</param>
internal sealed class TemplateJson(string? indent, string itemSeparator, string keySeparator, bool sortsKeys, bool onlyAscii, TemplateErrors errors)
{
    private readonly StringBuilder json = new();
    private int depth;

    public string Write(object? value)
    {
        Add(value);
        return json.ToString();
    }

    private void Add(object? value)
    {
        errors.CheckStack();
        switch (value)
        {
            case null or bool or long or double:
                Append(Plain(value));
                break;
            case string text:
                AddString(text);
                break;
            case List<object?> items:
                AddAll('[', items.Count, items, Add, ']');
                break;
            case TemplateMapping mapping:
                IEnumerable<(object? Key, object? Value)> pairs = sortsKeys
                    ? TemplateValue.Sort([.. mapping.Pairs], (a, b) => TemplateValue.Compare(a.Key, b.Key, errors), errors)
                    : mapping.Pairs;
                AddAll('{', mapping.Count, pairs, AddPair, '}');
                break;
            default:
                throw errors.Failed($"writes {TemplateValue.Kind(value)} as JSON");
        }
    }

    private string Plain(object? value) => value switch
    {
        null => "null",
        bool flag => flag ? "true" : "false",
        double number when !double.IsFinite(number) => double.IsNaN(number) ? "NaN" : number > 0 ? "Infinity" : "-Infinity",
        _ => TemplateText.Of(value, errors),
    };

    private void AddPair((object? Key, object? Value) pair)
    {
        AddString(pair.Key as string ?? Plain(pair.Key));
        Append(keySeparator);
        Add(pair.Value);
    }

    private void AddAll<T>(char open, int count, IEnumerable<T> items, Action<T> add, char close)
    {
        Append(open.ToString());
        depth++;
        bool isFirst = true;
        foreach (T item in items)
        {
            if (!isFirst)
                Append(itemSeparator);
            isFirst = false;
            BreakLine();
            add(item);
        }
        depth--;
        if (count > 0)
            BreakLine();
        Append(close.ToString());
    }

    private void BreakLine()
    {
        if (indent is null)
            return;
        Append("\n");
        for (int i = 0; i < depth; i++)
            Append(indent);
    }

    private void AddString(string text)
    {
        Append("\"");
        int written = 0;
        for (int i = 0; i < text.Length; i++)
        {
            if (Escape(text[i]) is not { } escape)
                continue;
            Append(text.AsSpan(written, i - written));
            Append(escape);
            written = i + 1;
        }
        Append(text.AsSpan(written));
        Append("\"");
    }

    private string? Escape(char letter) => letter switch
    {
        '"' => "\\\"",
        '\\' => @"\\",
        '\n' => "\\n",
        '\r' => "\\r",
        '\t' => "\\t",
        '\b' => "\\b",
        '\f' => "\\f",
        < ' ' => $"\\u{(int)letter:x4}",
        > '\x7F' when onlyAscii => $"\\u{(int)letter:x4}",
        _ => null,
    };

    private void Append(ReadOnlySpan<char> text)
    {
        errors.ChargeAppend(json, text.Length);
        json.Append(text);
    }
}
