using System.Text;

namespace TailorKV.Runtime.Tokenizers.Templates;

/// <summary>The methods of strings.</summary>
internal static class TextMethods
{
    public static TemplateRoutines Create(TemplateErrors errors)
    {
        var methods = new TemplateRoutines("string method", errors);
        AddCase(methods);
        AddSplitting(methods);
        AddSearching(methods);
        AddPadding(methods);
        methods.Add("format", (value, arguments) => PythonFormat.Braces((string)value!, arguments, errors));
        methods.Add("join", "items", a =>
        {
            List<object?> items = TemplateValue.Items(a[1], errors);
            return Join((string)a[0]!, [.. items.Select(item => methods.String(item, "join()"))], errors);
        });
        return methods;
    }

    /// <summary>The texts with a separator between them.</summary>
    public static string Join(string separator, IReadOnlyList<string> texts, TemplateErrors errors)
    {
        errors.ChargeText(texts.Sum(text => (long)text.Length + separator.Length));
        return string.Join(separator, texts);
    }

    /// <summary>The text with some occurrences of a part replaced.</summary>
    public static string Replace(string text, string part, string replacement, long most, TemplateErrors errors)
    {
        errors.ChargeSearch(text, part);
        long count = Math.Min(part.Length == 0 ? text.Length + 1 : PythonText.Count(text, part), most < 0 ? long.MaxValue : most);
        errors.ChargeText(text.Length + (count * Math.Max(0, replacement.Length - part.Length)));
        return PythonText.Replace(text, part, replacement, count);
    }

    /// <summary>The text between spaces: before it half of what lacks.</summary>
    public static string Center(string text, long width, TemplateErrors errors)
    {
        long lacks = Math.Max(0, width - PythonText.Length(text));
        long left = (lacks / 2) + (lacks & width & 1);
        return Repeat(" ", left, errors) + text + Repeat(" ", lacks - left, errors);
    }

    /// <summary>A text many times over.</summary>
    public static string Repeat(string text, long count, TemplateErrors errors)
    {
        count = text.Length == 0 ? 0 : Math.Max(0, count);
        errors.ChargeText(count > int.MaxValue ? int.MaxValue : count * text.Length);
        return new StringBuilder().Insert(0, text, (int)count).ToString();
    }

    private static void AddCase(TemplateRoutines methods)
    {
        AddMapping("upper", PythonCase.Upper);
        AddMapping("lower", PythonCase.Lower);
        AddMapping("casefold", text => PythonCase.Lower(text.Replace("ß", "ss", StringComparison.Ordinal)).Replace('ς', 'σ'));
        AddMapping("title", PythonCase.Title);
        AddMapping("capitalize", PythonCase.Capitalize);
        AddMapping("swapcase", PythonCase.SwapCase);
        AddQuestion("isupper", text => PythonCase.IsAll(text, upper: true));
        AddQuestion("islower", text => PythonCase.IsAll(text, upper: false));
        AddQuestion("isspace", text => text.Length > 0 && text.All(PythonText.IsSpace));
        AddQuestion("isalpha", text => All(text, Rune.IsLetter));
        AddQuestion("isalnum", text => All(text, rune => Rune.IsLetter(rune) || Rune.IsNumber(rune)));
        AddQuestion("isdigit isdecimal", text => All(text, Rune.IsDigit));
        AddQuestion("isnumeric", text => All(text, Rune.IsNumber));
        AddQuestion("isascii", text => Ascii.IsValid(text));

        void AddMapping(string name, Func<string, string> map) => methods.Add(name, "", a =>
        {
            // A letter can become three.
            methods.Errors.ChargeText(3L * ((string)a[0]!).Length);
            return map((string)a[0]!);
        });

        void AddQuestion(string name, Func<string, bool> holds) => methods.Add(name, "", a => holds(methods.Text(a[0])));
    }

    private static void AddSplitting(TemplateRoutines methods)
    {
        TemplateErrors errors = methods.Errors;
        methods.Add("strip", "chars", a => PythonText.Strip(methods.Text(a[0]), Letters(a[1]), true, true));
        methods.Add("lstrip", "chars", a => PythonText.Strip(methods.Text(a[0]), Letters(a[1]), true, false));
        methods.Add("rstrip", "chars", a => PythonText.Strip(methods.Text(a[0]), Letters(a[1]), false, true));
        methods.Add("split", "sep maxsplit", a => Split(a, fromEnd: false));
        methods.Add("rsplit", "sep maxsplit", a => Split(a, fromEnd: true));
        methods.Add("partition", "sep", a => Partition(a, fromEnd: false));
        methods.Add("rpartition", "sep", a => Partition(a, fromEnd: true));
        methods.Add("splitlines", "keepends", a =>
        {
            errors.ChargeItems(((string)a[0]!).Count(letter => PythonText.IsSpace(letter) && letter is not (' ' or '\t')) + 1L);
            return PythonText.SplitLines(methods.Text(a[0]), TemplateValue.IsTrue(a[1]));
        });

        string? Letters(object? given) => given is null or Undefined ? null : methods.String(given, "strip()");

        List<object?> Split(object?[] a, bool fromEnd)
        {
            string text = (string)a[0]!;
            string? separator = a[1] is null or Undefined ? null : methods.String(a[1], "split()");
            if (separator?.Length == 0)
                throw errors.Failed("splits at nothing");
            long most = methods.Whole(a[2], -1, "split()");
            most = most < 0 ? long.MaxValue : most;
            errors.ChargeSearch(text, separator ?? "");
            errors.ChargeItems(Math.Min(separator is null ? text.Count(PythonText.IsSpace) : PythonText.Count(text, separator), most) + 1);
            return PythonText.Split(text, separator, most, fromEnd);
        }

        TemplateTuple Partition(object?[] a, bool fromEnd)
        {
            List<object?> parts = Split([a[0], methods.String(a[1], "partition()"), 1L], fromEnd);
            return parts.Count == 2 ? new([parts[0], a[1], parts[1]]) : fromEnd ? new(["", "", a[0]]) : new([a[0], "", ""]);
        }
    }

    private static void AddSearching(TemplateRoutines methods)
    {
        TemplateErrors errors = methods.Errors;
        methods.Add("startswith", "prefix start end", a => Affixes(a[1], "startswith()").Exists(prefix => Part(a).StartsWith(prefix, StringComparison.Ordinal)));
        methods.Add("endswith", "suffix start end", a => Affixes(a[1], "endswith()").Exists(suffix => Part(a).EndsWith(suffix, StringComparison.Ordinal)));
        methods.Add("removeprefix", "prefix", a => methods.Text(a[0]) is var text && text.StartsWith(methods.String(a[1], "removeprefix()"), StringComparison.Ordinal)
            ? text[((string)a[1]!).Length..]
            : text);
        methods.Add("removesuffix", "suffix", a => methods.Text(a[0]) is var text && text.EndsWith(methods.String(a[1], "removesuffix()"), StringComparison.Ordinal)
            ? text[..^((string)a[1]!).Length]
            : text);
        methods.Add("find", "sub start end", a => Find(a, last: false));
        methods.Add("rfind", "sub start end", a => Find(a, last: true));
        methods.Add("index", "sub start end", a => Find(a, last: false) is >= 0 and var at ? at : throw errors.Failed("looks for a part that a text lacks"));
        methods.Add("rindex", "sub start end", a => Find(a, last: true) is >= 0 and var at ? at : throw errors.Failed("looks for a part that a text lacks"));
        methods.Add("count", "sub start end", a =>
        {
            (string text, string part) = (Part(a), methods.String(a[1], "count()"));
            errors.ChargeSearch(text, part);
            return part.Length == 0 ? PythonText.Length(text) + 1L : PythonText.Count(text, part);
        });
        methods.Add("replace", "old new count", a => Replace(
            (string)a[0]!, methods.String(a[1], "replace()"), methods.String(a[2], "replace()"), methods.Whole(a[3], -1, "replace()"), errors));

        List<string> Affixes(object? given, string use) => given is TemplateTuple several ? several.ConvertAll(one => methods.String(one, use)) : [methods.String(given, use)];

        string Part(object?[] a)
        {
            string text = methods.Text(a[0]);
            if (a[2] is Undefined)
                return text;
            (int start, _, int count) = PythonSlice.Resolve(PythonText.Length(text), methods.Whole(a[2], 0, "a search"), a[3] is Undefined ? null : methods.Whole(a[3], 0, "a search"), 1);
            return PythonText.Pick(text, start, 1, count);
        }

        long Find(object?[] a, bool last)
        {
            string part = methods.String(a[1], "find()");
            string within = Part(a);
            errors.ChargeSearch(within, part);
            int at = last ? within.LastIndexOf(part, StringComparison.Ordinal) : within.IndexOf(part, StringComparison.Ordinal);
            if (at < 0)
                return -1;
            long start = methods.Whole(a[2], 0, "find()");
            return PythonText.Length(within[..at]) + (start < 0 ? Math.Max(0, start + PythonText.Length((string)a[0]!)) : start);
        }
    }

    private static void AddPadding(TemplateRoutines methods)
    {
        methods.Add("ljust", "width fill", a => methods.Text(a[0]) + Padding(a));
        methods.Add("rjust", "width fill", a => Padding(a) + methods.Text(a[0]));
        methods.Add("center", "width", a => Center((string)a[0]!, methods.Whole(a[1], 0, "center()"), methods.Errors));
        methods.Add("zfill", "width", a =>
        {
            string text = methods.Text(a[0]);
            int sign = text is ['-' or '+', ..] ? 1 : 0;
            return text[..sign] + Padding([a[0], a[1], "0"]) + text[sign..];
        });

        string Padding(object?[] a) => Repeat(
            a[2] is Undefined ? " " : methods.String(a[2], "ljust()"), methods.Whole(a[1], 0, "a width") - PythonText.Length((string)a[0]!), methods.Errors);
    }

    private static bool All(string text, Func<Rune, bool> holds) => text.Length > 0 && text.EnumerateRunes().All(holds);
}
