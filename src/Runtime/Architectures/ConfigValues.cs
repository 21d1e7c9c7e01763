using System.Globalization;
using System.Text.Json;
using TailorKV.Planner;

namespace TailorKV.Runtime.Architectures;

/// <summary>
/// Named values of a configuration file that is not trusted: each is checked for its kind and range, and named in the error. Which were asked for is known, so
/// that the rest can be judged.
/// </summary>
/// <param name="file">The file, for errors.</param>
/// <param name="names">All names the file has.</param>
/// <param name="find">The value of a name as long, double, bool or string; null where there is none; anything else is of a wrong kind.</param>
/// <param name="section">What stands before the names in errors.</param>
internal sealed class ConfigValues(string file, IEnumerable<string> names, Func<string, object?> find, string section = "")
{
    public const int MaximumLayers = 4096;
    public const int MaximumWidth = 1 << 24;
    public const int MaximumTokens = 1 << 28;

    private readonly string[] _names = [.. names];
    private readonly HashSet<string> _read = [];

    public string File => file;

    /// <summary>The names that were never asked for.</summary>
    public IEnumerable<string> Unread => _names.Where(name => !_read.Contains(name));

    public bool IsEmpty => _names.Length == 0;

    /// <summary>The values of a JSON object of <paramref name="file"/>.</summary>
    public static ConfigValues Of(string file, JsonElement json, string section = "") =>
        new(file, JsonFile.Members(file, json).Select(member => member.Name), name =>
        {
            if (!json.TryGetProperty(name, out JsonElement value))
                return null;
            return value.ValueKind switch
            {
                JsonValueKind.Null => null,
                JsonValueKind.True => true,
                JsonValueKind.False => false,
                JsonValueKind.String => JsonFile.Text(file, value),
                JsonValueKind.Number => value.TryGetInt64(out long integer) ? (object)integer : value.GetDouble(),
                _ => value,
            };
        }, section);

    /// <summary>No values.</summary>
    public static ConfigValues Empty(string file) => new(file, [], _ => null);

    /// <summary>These values, and those of <paramref name="below"/> where these are null.</summary>
    public ConfigValues Over(ConfigValues below) => IsEmpty ? below : new(file, _names.Union(below._names), name => Raw(name) ?? below.Raw(name), section);

    /// <summary>Whether the file has the name, be its value null.</summary>
    public bool Has(string name) => _names.Contains(name);

    /// <summary>The object of a name, or null.</summary>
    public ConfigValues? Section(string name) => Raw(name) switch
    {
        null => null,
        JsonElement { ValueKind: JsonValueKind.Object } json => Of(file, json, $"{section}{name}."),
        object value => throw Wrong(name, value, "an object or null"),
    };

    /// <summary>An integer from 1 to <paramref name="maximum"/>.</summary>
    public int Integer(string name, int maximum, int? fallback = null) => OptionalInteger(name, maximum) ?? fallback ?? throw Missing(name);

    public int? OptionalInteger(string name, int maximum) => Raw(name) switch
    {
        null => null,
        long value when value >= 1 && value <= maximum => (int)value,
        object value => throw Wrong(name, value, $"an integer from 1 to {maximum}"),
    };

    /// <summary>A positive number.</summary>
    public double Number(string name, double? fallback = null) => Raw(name) switch
    {
        null => fallback ?? throw Missing(name),
        long value when value > 0 => value,
        double value when value > 0 && double.IsFinite(value) => value,
        object value => throw Wrong(name, value, "a positive number"),
    };

    /// <summary>A positive number, <paramref name="absent"/> where there is no such name and null where its value is.</summary>
    public double? OptionalNumber(string name, double? absent = null) => Raw(name) is not null ? Number(name) : Has(name) ? null : absent;

    /// <summary>A list of numbers, or null.</summary>
    public double[]? Numbers(string name) => Raw(name) switch
    {
        null => null,
        JsonElement { ValueKind: JsonValueKind.Array } list when list.EnumerateArray().All(item => item.ValueKind == JsonValueKind.Number) =>
            [.. list.EnumerateArray().Select(item => item.GetDouble())],
        object value => throw Wrong(name, value, "a list of numbers"),
    };

    public bool Flag(string name, bool fallback = false) => Raw(name) switch
    {
        null => fallback,
        bool value => value,
        object value => throw Wrong(name, value, "true or false"),
    };

    public string? Text(string name) => Raw(name) switch
    {
        null => null,
        string value => value,
        object value => throw Wrong(name, value, "text"),
    };

    public string RequiredText(string name) => Text(name) ?? throw Missing(name);

    public object? Raw(string name)
    {
        _read.Add(name);
        return find(name);
    }

    public InvalidFileException Wrong(string name, object value, string expected) =>
        new(file, $"{section}{name} is {Excerpt(value)}", $"It must be {expected}");

    public UnsupportedModelException Unsupported(string name, object value, string remedy) =>
        new(file, $"{section}{name} is {Excerpt(value)}", remedy);

    /// <summary>A value as JSON writes it.</summary>
    public static string Written(object value) => value switch
    {
        bool flag => flag ? "true" : "false",
        string text => $"\"{text}\"",
        // As GGUF stores it.
        double number when number == (float)number => ((float)number).ToString(CultureInfo.InvariantCulture),
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString() ?? "",
    };

    private static string Excerpt(object value)
    {
        string text = Written(value);
        return text.Length <= 100 ? text : text[..100] + "...";
    }

    public InvalidFileException Missing(string name) => new(file, $"{section}{name} is missing", "Fetch the file again or add the value");
}
