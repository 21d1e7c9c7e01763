namespace TailorKV.Runtime.Tokenizers.Templates;

/// <summary>The filters, tests, methods and comparisons of templates.</summary>
internal sealed class TemplateLibrary(TemplateErrors errors)
{
    public object? Filter(string name, object? value, IReadOnlyList<object?> arguments)
    {
        switch (name, arguments.Count)
        {
            case ("trim", <= 1):
                return Method("strip", String(name, value), arguments);
            case ("upper" or "lower", 0):
                return Method(name, String(name, value), arguments);
            case ("replace", 2):
                return Method(name, String(name, value), arguments);
            case ("length" or "count", 0):
                return value is Dictionary<string, object?> mapping ? mapping.Count : (long)TemplateValue.Items(value, errors).Count;
            case ("default" or "d", <= 2):
                bool replaces = value is Undefined || (arguments.Count == 2 && TemplateValue.IsTrue(arguments[1]) && !TemplateValue.IsTrue(value));
                return !replaces ? value : arguments.Count > 0 ? arguments[0] : string.Empty;
            case ("first", 0):
                return TemplateValue.Items(value, errors) is [var first, ..] ? first : Undefined.Value;
            case ("last", 0):
                return TemplateValue.Items(value, errors) is [.., var last] ? last : Undefined.Value;
            case ("list", 0):
                return new List<object?>(TemplateValue.Items(value, errors));
            case ("string", 0):
                return TemplateValue.Text(value, errors);
            case ("join", <= 1):
                string separator = arguments.Count > 0 ? TemplateValue.Text(arguments[0], errors) : string.Empty;
                string[] texts = [.. TemplateValue.Items(value, errors).Select(item => TemplateValue.Text(item, errors))];
                errors.ChargeText(texts.Sum(text => (long)text.Length + separator.Length));
                return string.Join(separator, texts);
            case ("tojson", 0):
                return errors.Charge(TemplateValue.Json(value, errors));
            default:
                throw errors.Unsupported($"the filter '{name}' with {arguments.Count} arguments");
        }
    }

    public bool Test(string name, object? value) => name switch
    {
        "defined" => value is not Undefined,
        "undefined" => value is Undefined,
        "none" => value is null,
        "string" => value is string,
        "boolean" => value is bool,
        "number" or "integer" => value is long || (value is bool && name == "number"),
        "true" => value is true,
        "false" => value is false,
        "mapping" => value is Dictionary<string, object?>,
        "iterable" or "sequence" => value is string or List<object?> or Dictionary<string, object?> or Undefined,
        _ => throw errors.Unsupported($"the test '{name}'"),
    };

    public object? Method(string name, object? target, IReadOnlyList<object?> arguments)
    {
        if (target is Dictionary<string, object?> mapping && name == "get" && arguments.Count is 1 or 2)
            return mapping.GetValueOrDefault(String(name, arguments[0]), arguments.Count == 2 ? arguments[1] : null);
        if (target is not string text)
        {
            string kind = TemplateValue.Kind(target);
            throw target is Undefined or null ? errors.Failed($"calls {name}() of {kind}") : errors.Unsupported($"the method '{name}' of {kind}");
        }
        errors.Charge(text.Length);
        char[]? letters = name is "strip" or "lstrip" or "rstrip" && arguments.Count == 1 && arguments[0] is not null ? String(name, arguments[0]).ToCharArray() : null;
        switch (name, arguments.Count)
        {
            case ("strip", <= 1):
                return letters is [] ? text : text.Trim(letters);
            case ("lstrip", <= 1):
                return letters is [] ? text : text.TrimStart(letters);
            case ("rstrip", <= 1):
                return letters is [] ? text : text.TrimEnd(letters);
            case ("upper", 0):
                return text.ToUpperInvariant();
            case ("lower", 0):
                return text.ToLowerInvariant();
            case ("startswith", 1):
                return text.StartsWith(String(name, arguments[0]), StringComparison.Ordinal);
            case ("endswith", 1):
                return text.EndsWith(String(name, arguments[0]), StringComparison.Ordinal);
            case ("split", 0):
                return new List<object?>(text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
            case ("split", 1):
                string separator = String(name, arguments[0]);
                return separator.Length > 0 ? new List<object?>(text.Split(separator)) : throw errors.Failed("splits at nothing");
            case ("replace", 2):
                return Replace(text, String(name, arguments[0]), String(name, arguments[1]));
            default:
                throw errors.Unsupported($"the method '{name}' with {arguments.Count} arguments");
        }
    }

    public bool Compare(string name, object? left, object? right)
    {
        int order = left is string text && right is string other
            ? string.CompareOrdinal(text, other)
            : Number(left, name).CompareTo(Number(right, name));
        return name switch { "<" => order < 0, ">" => order > 0, "<=" => order <= 0, _ => order >= 0 };
    }

    public bool Contains(object? container, object? value)
    {
        switch (container)
        {
            case string text when value is string part:
                errors.Charge(text.Length);
                return text.Contains(part, StringComparison.Ordinal);
            case Dictionary<string, object?> mapping:
                return value is string name && mapping.ContainsKey(name);
            case List<object?> or Undefined:
                return TemplateValue.Items(container, errors).Exists(item => TemplateValue.AreEqual(item, value));
            default:
                throw errors.Failed($"looks for {TemplateValue.Kind(value)} in {TemplateValue.Kind(container)}");
        }
    }

    public long Number(object? value, string use) =>
        TemplateValue.Number(value) ?? throw errors.Failed($"uses {TemplateValue.Kind(value)} with {use} where a number belongs");

    private string Replace(string text, string old, string replacement)
    {
        if (old.Length == 0)
            throw errors.Unsupported("the replacement of nothing");
        errors.ChargeText(text.Length + ((long)text.Length / old.Length * replacement.Length));
        return text.Replace(old, replacement, StringComparison.Ordinal);
    }

    private string String(string name, object? value) => value as string ?? throw errors.Failed($"gives '{name}' {TemplateValue.Kind(value)} instead of a string");
}
