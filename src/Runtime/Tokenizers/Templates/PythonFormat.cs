using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace TailorKV.Runtime.Tokenizers.Templates;

/// <summary>Python's two ways to format text: <c>'%s' % value</c> and <c>'{}'.format(value)</c>.</summary>
internal static partial class PythonFormat
{
    private const int Widest = 1 << 16;

    public static string Percent(string format, object? value, TemplateErrors errors)
    {
        var text = new StringBuilder();
        List<object?> values = value is TemplateTuple tuple ? tuple : [value];
        int next = 0;
        int position = 0;
        foreach (Match match in Specifier().EnumerateMatches(format, errors))
        {
            Append(text, format[position..match.Index], errors);
            position = match.Index + match.Length;
            if (match.Groups["type"].Value == "%")
            {
                Append(text, "%", errors);
                continue;
            }
            object? item = match.Groups["key"].Success
                ? value is TemplateMapping mapping && mapping.TryFind(match.Groups["key"].Value, out object? found) ? found : throw errors.Failed("formats with a name that is not given")
                : next < values.Count ? values[next++] : throw errors.Failed("formats more values than are given");
            string flags = match.Groups["flags"].Value;
            char align = flags.Contains('-') ? '<' : flags.Contains('0') ? '=' : '>';
            Append(text, Write(item, match, align, align == '=' ? '0' : ' ', flags, errors), errors);
        }
        if (format.AsSpan(position).Contains('%'))
            throw errors.Failed("formats with a malformed text");
        if (value is not TemplateMapping && next < values.Count)
            throw errors.Failed("formats fewer values than are given");
        Append(text, format[position..], errors);
        return text.ToString();
    }

    public static string Braces(string format, Arguments arguments, TemplateErrors errors)
    {
        var text = new StringBuilder();
        int next = 0;
        int position = 0;
        foreach (Match match in Field().EnumerateMatches(format, errors))
        {
            Append(text, format[position..match.Index], errors);
            position = match.Index + match.Length;
            if (match.Value is "{{" or "}}")
            {
                Append(text, match.Value[..1], errors);
                continue;
            }
            string name = match.Groups["name"].Value;
            int index = name.Length == 0 ? next++ : int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int given) ? given : -1;
            object? item = index >= 0
                ? index < arguments.Positional.Count ? arguments.Positional[index] : throw errors.Failed("formats more values than are given")
                : arguments.Named.FirstOrDefault(pair => pair.Name == name) is { Name: not null } named ? named.Value : throw errors.Failed("formats with a name that is not given");
            if (match.Groups["conversion"].Value == "r")
                item = TemplateText.Represent(item, errors);
            string alignment = match.Groups["align"].Value;
            bool isZeroFilled = match.Groups["zero"].Length > 0;
            char align = alignment.Length > 0 ? alignment[^1] : isZeroFilled ? '=' : TemplateValue.Number(item) is not null && item is not bool ? '>' : '<';
            char fill = alignment.Length > 1 ? alignment[0] : isZeroFilled ? '0' : ' ';
            Append(text, Write(item, match, align, fill, match.Groups["flags"].Value + match.Groups["commas"].Value, errors), errors);
        }
        if (format.AsSpan(position).ContainsAny('{', '}'))
            throw errors.Unsupported("format() with such a text");
        Append(text, format[position..], errors);
        return text.ToString();
    }

    private static string Write(object? item, Match match, char align, char fill, string flags, TemplateErrors errors)
    {
        int width = Number(match.Groups["width"], errors) ?? 0;
        int? decimals = Number(match.Groups["decimals"], errors);
        string type = match.Groups["type"].Value;
        double number() => TemplateValue.Number(item) ?? throw errors.Failed($"formats {TemplateValue.Kind(item)} as a number");
        long whole() => TemplateValue.Integer(item) ?? PythonNumber.Truncate(number()) ?? throw errors.Failed("formats a number that is too large");
        string text = type switch
        {
            "d" or "i" or "u" => whole().ToString(flags.Contains(',') ? "#,0" : "D", CultureInfo.InvariantCulture),
            "f" or "F" when flags.Contains(',') => PythonNumber.Round(number(), decimals ?? 6).ToString("N" + (decimals ?? 6), CultureInfo.InvariantCulture),
            "f" or "F" => PythonNumber.Fixed(number(), decimals ?? 6),
            "%" => PythonNumber.Fixed(number() * 100, decimals ?? 6) + "%",
            "x" => whole().ToString("x", CultureInfo.InvariantCulture),
            "X" => whole().ToString("X", CultureInfo.InvariantCulture),
            "r" => TemplateText.Represent(item, errors),
            "" when item is long plain && flags.Contains(',') => plain.ToString("#,0", CultureInfo.InvariantCulture),
            "" when item is double fraction && decimals is null && !flags.Contains(',') => PythonNumber.Text(fraction),
            "s" or "" when item is not double || type == "s" => Cut(TemplateText.Of(item, errors), decimals),
            _ => throw errors.Unsupported($"the format '{match.Value}'"),
        };
        if (TemplateValue.Number(item) is >= 0 && type is not ("s" or "r"))
            text = (flags.Contains('+') ? "+" : flags.Contains(' ') ? " " : "") + text;
        int lacks = Math.Max(0, width - PythonText.Length(text));
        int sign = align == '=' && text is ['-' or '+' or ' ', ..] ? 1 : 0;
        int left = align switch { '<' => 0, '^' => lacks / 2, _ => lacks };
        return text[..sign] + new string(fill, left) + text[sign..] + new string(fill, lacks - left);
    }

    private static string Cut(string text, int? length) =>
        length is { } most && most < PythonText.Length(text) ? PythonText.Pick(text, 0, 1, most) : text;

    private static int? Number(Group group, TemplateErrors errors) => group.Length == 0 ? null
        : int.TryParse(group.Value, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number <= Widest ? number
        : throw errors.Failed($"formats with a width of more than {Widest}");

    private static void Append(StringBuilder text, string part, TemplateErrors errors)
    {
        errors.ChargeAppend(text, part.Length);
        text.Append(part);
    }

    private static IEnumerable<Match> EnumerateMatches(this Regex regex, string format, TemplateErrors errors)
    {
        errors.Charge(format.Length);
        for (Match match = regex.Match(format); match.Success; match = match.NextMatch())
        {
            errors.ChargeItems(8);
            yield return match;
        }
    }

    [GeneratedRegex(@"%(\((?<key>[^)%]*)\))?(?<flags>[-+ 0#]*)(?<width>[0-9]*)(\.(?<decimals>[0-9]*))?(?<type>[a-zA-Z%])", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex Specifier();

    [GeneratedRegex(
        @"\{\{|\}\}|\{(?<name>[A-Za-z0-9_]*)(!(?<conversion>[rs]))?(:(?<align>[^{}]?[<>^=])?(?<flags>[-+ ]?)(?<zero>0?)(?<width>[0-9]*)(?<commas>,?)(\.(?<decimals>[0-9]+))?(?<type>[a-zA-Z%]?))?\}",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex Field();
}
