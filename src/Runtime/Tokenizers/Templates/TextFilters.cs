using System.Text;
using System.Text.RegularExpressions;

namespace TailorKV.Runtime.Tokenizers.Templates;

/// <summary>The filters that make texts and numbers of single values.</summary>
internal static partial class TextFilters
{
    public static void AddTo(TemplateRoutines filters, TemplateRoutines methods)
    {
        AddTexts(filters, methods);
        AddNumbers(filters);
    }

    private static void AddTexts(TemplateRoutines filters, TemplateRoutines methods)
    {
        TemplateErrors errors = filters.Errors;
        foreach (string name in (string[])["upper", "lower", "capitalize"])
            filters.Add(name, "", a => methods.Call(name, filters.Text(a[0]), Arguments.None));
        filters.Add("trim", "chars", a => methods.Call("strip", filters.Text(a[0]), new([a[1]], [])));
        filters.Add("title", "", a => Title(filters.Text(a[0]), errors));
        filters.Add("replace", "old new count", a =>
            TextMethods.Replace(filters.Text(a[0]), filters.Text(a[1]), filters.Text(a[2]), a[3] is null ? -1 : filters.Whole(a[3], -1, "replace"), errors));
        filters.Add("string", "", a => filters.Text(a[0]));
        filters.Add("safe", "", a => filters.Text(a[0]));
        filters.Add("escape e forceescape", "", a => Escape(filters.Text(a[0]), errors));
        filters.Add("center", "width", a => TextMethods.Center(filters.Text(a[0]), filters.Whole(a[1], 80, "center"), errors));
        filters.Add("format", (value, arguments) => PythonFormat.Percent(
            filters.Text(value), arguments.Named.Count > 0 ? TemplateFunctions.Mapping(arguments, errors) : new TemplateTuple(arguments.Positional), errors));
        filters.Add("wordcount", "", a => (long)Words().Count(filters.Text(a[0])));
        filters.Add("indent", "width first blank", a => Indent(
            filters.Text(a[0]), a[1] as string ?? TextMethods.Repeat(" ", filters.Whole(a[1], 4, "indent"), errors), TemplateValue.IsTrue(a[2]), TemplateValue.IsTrue(a[3]), errors));
        filters.Add("truncate", "length killwords end leeway", a => Truncate(
            filters.Text(a[0]), filters.Whole(a[1], 255, "truncate"), TemplateValue.IsTrue(a[2]), a[3] is Undefined ? "..." : filters.Text(a[3]), filters.Whole(a[4], 5, "truncate"), errors));
        filters.Add("default d", "default_value boolean", a =>
            a[0] is not Undefined && !(TemplateValue.IsTrue(a[2]) && !TemplateValue.IsTrue(a[0])) ? a[0] : a[1] is Undefined ? "" : a[1]);
        filters.Add("length count", "", a => a[0] switch
        {
            string text => PythonText.Length(filters.Text(text)),
            TemplateMapping mapping => mapping.Count,
            List<object?> items => items.Count,
            Undefined => 0L,
            object other => throw errors.Failed($"takes the length of {TemplateValue.Kind(other)}"),
            null => throw errors.Failed("takes the length of none"),
        });
        filters.Add("tojson", "ensure_ascii indent separators sort_keys", a =>
        {
            string? indent = a[2] is string text ? text : a[2] is null or Undefined ? null : TextMethods.Repeat(" ", filters.Whole(a[2], 0, "tojson"), errors);
            List<object?> separators = a[3] is List<object?> { Count: 2 } given ? given : [indent is null ? ", " : ",", ": "];
            return new TemplateJson(
                indent, filters.String(separators[0], "tojson"), filters.String(separators[1], "tojson"), TemplateValue.IsTrue(a[4]), TemplateValue.IsTrue(a[1]), errors).Write(a[0]);
        });
    }

    private static void AddNumbers(TemplateRoutines filters)
    {
        TemplateErrors errors = filters.Errors;
        filters.Add("int", "default base", a => ToInteger(a[0], filters.Whole(a[2], 10, "int")) is { } number ? number : a[1] is Undefined ? 0L : a[1]);
        filters.Add("float", "default", a => (TemplateValue.Number(a[0]) ?? (a[0] is string text ? PythonNumber.ParseFloat(text) : null)) is { } number ? number : a[1] is Undefined ? 0.0 : a[1]);
        filters.Add("abs", "", a => a[0] is double number ? (object)Math.Abs(number)
            : TemplateValue.Integer(a[0]) is { } integer and > long.MinValue ? Math.Abs(integer)
            : throw errors.Failed($"takes the absolute value of {TemplateValue.Kind(a[0])}"));
        filters.Add("round", "precision method", a =>
        {
            double number = TemplateValue.Number(a[0]) ?? throw errors.Failed($"rounds {TemplateValue.Kind(a[0])}");
            int decimals = (int)Math.Clamp(filters.Whole(a[1], 0, "round"), -30, 30);
            double unit = Math.Pow(10, decimals);
            return (a[2] is Undefined ? "common" : a[2]) switch
            {
                "common" when TemplateValue.Integer(a[0]) is { } integer => decimals < 0 ? PythonNumber.Truncate(PythonNumber.Round(integer, decimals)) : integer,
                "common" => PythonNumber.Round(number, decimals),
                "ceil" => Math.Ceiling(number * unit) / unit,
                "floor" => Math.Floor(number * unit) / unit,
                _ => throw errors.Failed("rounds by an unknown method"),
            };
        });
    }

    private static long? ToInteger(object? value, long numberBase) => value switch
    {
        string text => PythonNumber.ParseInteger(text, numberBase) ?? (PythonNumber.ParseFloat(text) is { } number ? PythonNumber.Truncate(number) : null),
        double number => PythonNumber.Truncate(number),
        _ => TemplateValue.Integer(value),
    };

    /// <summary>As <see cref="PythonCase.Capitalize"/>, at the start and after spaces, hyphens and opening brackets; the first letter in upper case, not title case.</summary>
    private static string Title(string text, TemplateErrors errors)
    {
        errors.ChargeText(3L * text.Length);
        var title = new StringBuilder(text.Length);
        int position = 0;
        while (position < text.Length)
        {
            int end = position;
            while (end < text.Length && StartsWord(text[end]) == StartsWord(text[position]))
                end++;
            int first = position + Rune.GetRuneAt(text, position).Utf16SequenceLength;
            title.Append(PythonCase.Upper(text[position..first])).Append(PythonCase.Lower(text[first..end]));
            position = end;
        }
        return title.ToString();

        static bool StartsWord(char letter) => PythonText.IsSpace(letter) || letter is '-' or '(' or '{' or '[' or '<';
    }

    private static string Escape(string text, TemplateErrors errors)
    {
        foreach ((string letter, string name) in (ReadOnlySpan<(string, string)>)[("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("'", "&#39;"), ("\"", "&#34;")])
            text = TextMethods.Replace(text, letter, name, -1, errors);
        return text;
    }

    private static string Indent(string text, string indent, bool first, bool blank, TemplateErrors errors)
    {
        errors.ChargeItems(text.Count(letter => PythonText.IsSpace(letter) && letter is not (' ' or '\t')) + 1L);
        List<object?> lines = PythonText.SplitLines(text + "\n", keepEnds: false);
        string separator = blank ? "\n" + indent : "\n";
        string[] indented = [.. lines.Select((line, index) => (index > 0 && !blank && (string)line! != "" ? indent : "") + line)];
        errors.Charge(text.Length + ((long)lines.Count * indent.Length));
        return (first ? indent : "") + TextMethods.Join(separator, indented, errors);
    }

    private static string Truncate(string text, long length, bool cutsWords, string end, long leeway, TemplateErrors errors)
    {
        int characters = PythonText.Length(text);
        if (characters <= length + leeway)
            return text;
        (int start, int step, int count) = PythonSlice.Resolve(characters, null, length - PythonText.Length(end), 1);
        string cut = PythonText.Pick(text, start, step, count);
        errors.ChargeText(cut.Length + (long)end.Length);
        return (cutsWords ? cut : (string)PythonText.Split(cut, " ", 1, fromEnd: true)[0]!) + end;
    }

    [GeneratedRegex(@"\w+", RegexOptions.CultureInvariant)]
    private static partial Regex Words();
}
