using System.Globalization;
using System.Text;

namespace TailorKV.Runtime.Tokenizers.Templates;

/// <summary>
/// The values of templates, with Python's meaning: string, long, bool, null, <see cref="Undefined"/>, List of values, and Dictionary by name.
/// </summary>
internal static class TemplateValue
{
    public static bool IsTrue(object? value) => value switch
    {
        null or Undefined => false,
        bool flag => flag,
        long number => number != 0,
        string text => text.Length > 0,
        List<object?> items => items.Count > 0,
        _ => true,
    };

    /// <summary>The number that a bool or integer is, or null.</summary>
    public static long? Number(object? value) => value switch
    {
        long number => number,
        bool flag => flag ? 1 : 0,
        _ => null,
    };

    public static bool AreEqual(object? left, object? right) =>
        Number(left) is { } number ? Number(right) == number : Equals(left, right);

    public static string Kind(object? value) => value switch
    {
        null => "none",
        Undefined => "an undefined value",
        bool => "a boolean",
        long => "a number",
        string => "a string",
        List<object?> => "a list",
        _ => "a mapping",
    };

    /// <summary>The text that printing shows.</summary>
    public static string Text(object? value, TemplateErrors errors) => value switch
    {
        string text => text,
        Undefined => string.Empty,
        null => "None",
        bool flag => flag ? "True" : "False",
        long number => number.ToString(CultureInfo.InvariantCulture),
        _ => throw errors.Unsupported($"{Kind(value)} as text"),
    };

    /// <summary>The items that a loop runs over.</summary>
    public static List<object?> Items(object? value, TemplateErrors errors)
    {
        List<object?> items = value switch
        {
            List<object?> list => list,
            Undefined => [],
            string text => [.. text.EnumerateRunes().Select(object? (rune) => rune.ToString())],
            Dictionary<string, object?> mapping => [.. mapping.Keys],
            _ => throw errors.Failed($"treats {Kind(value)} as a list"),
        };
        errors.Charge(items.Count);
        return items;
    }

    /// <summary>JSON as transformers' tojson filter writes it: nothing but JSON's own escapes.</summary>
    public static string Json(object? value, TemplateErrors errors)
    {
        errors.CheckStack();
        switch (value)
        {
            case null:
                return "null";
            case bool flag:
                return flag ? "true" : "false";
            case long:
                return Text(value, errors);
            case string text:
                return JsonText(text);
            case List<object?> items:
                return $"[{string.Join(", ", items.Select(item => errors.Charge(Json(item, errors))))}]";
            case Dictionary<string, object?> mapping:
                return $"{{{string.Join(", ", mapping.Select(pair => errors.Charge($"{JsonText(pair.Key)}: {Json(pair.Value, errors)}")))}}}";
            default:
                throw errors.Failed($"writes {Kind(value)} as JSON");
        }
    }

    private static string JsonText(string text)
    {
        var json = new StringBuilder("\"");
        foreach (char letter in text)
        {
            json.Append(letter switch
            {
                '"' => "\\\"",
                '\\' => @"\\",
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                '\b' => "\\b",
                '\f' => "\\f",
                < ' ' => $"\\u{(int)letter:x4}",
                _ => letter.ToString(),
            });
        }
        return json.Append('"').ToString();
    }
}
