using TailorKV.Planner;

namespace TailorKV.Runtime.Models;

/// <summary>Named values of a configuration file that is not trusted: each is checked for its kind and range, and named in the error.</summary>
/// <param name="file">The file, for errors.</param>
/// <param name="find">The value of a name as long, double, bool or string; null where there is none; anything else is of a wrong kind.</param>
internal sealed class ConfigValues(string file, Func<string, object?> find)
{
    public const int MaximumLayers = 4096;
    public const int MaximumWidth = 1 << 24;
    public const int MaximumTokens = 1 << 28;

    public string File => file;

    /// <summary>An integer from 1 to <paramref name="maximum"/>.</summary>
    public int Integer(string name, int maximum, int? fallback = null) => OptionalInteger(name, maximum) ?? fallback ?? throw Missing(name);

    public int? OptionalInteger(string name, int maximum) => find(name) switch
    {
        null => null,
        long value when value >= 1 && value <= maximum => (int)value,
        object value => throw Wrong(name, value, $"an integer from 1 to {maximum}"),
    };

    /// <summary>A positive number.</summary>
    public double Number(string name, double? fallback = null) => find(name) switch
    {
        null => fallback ?? throw Missing(name),
        long value when value > 0 => value,
        double value when value > 0 && double.IsFinite(value) => value,
        object value => throw Wrong(name, value, "a positive number"),
    };

    public bool Flag(string name) => find(name) switch
    {
        null => false,
        bool value => value,
        object value => throw Wrong(name, value, "true or false"),
    };

    public string? Text(string name) => find(name) switch
    {
        null => null,
        string value => value,
        object value => throw Wrong(name, value, "text"),
    };

    public string RequiredText(string name) => Text(name) ?? throw Missing(name);

    public object? Raw(string name) => find(name);

    public InvalidFileException Wrong(string name, object value, string expected)
    {
        string text = value.ToString() ?? "";
        return new(file, $"{name} is {(text.Length <= 100 ? text : text[..100] + "...")}", $"It must be {expected}");
    }

    public UnsupportedModelException Unsupported(string name, object value, string remedy) => new(file, $"{name} is {value}", remedy);

    private InvalidFileException Missing(string name) => new(file, $"{name} is missing", "Fetch the file again or add the value");
}
