using System.Text.Json;
using TailorKV.Planner;

namespace TailorKV.Runtime.Tokenizers;

/// <summary>Reads members of a tokenizer.json, and of the files beside it, and says what is wrong with them.</summary>
/// <param name="path">The file.</param>
internal sealed class TokenizerJson(string path)
{
    private const string Remedy = "Use the model's original tokenizer file";
    private const string Supported =
        "Supported are byte-pair encodings of bytes or characters; normalizers NFC, Prepend, Replace and Sequence; pre-tokenizers Split, Digits, ByteLevel, Metaspace and "
        + "Sequence; post-processors ByteLevel, TemplateProcessing, BertProcessing, RobertaProcessing and Sequence; decoders ByteLevel, Metaspace, Replace, ByteFallback, "
        + "Fuse, Strip and Sequence";

    public string Path => path;

    /// <summary>Runs a reading of a file's members; a value of an unexpected kind becomes an error that names the file.</summary>
    /// <exception cref="InvalidFileException">A value is of another kind than is read.</exception>
    public static T Guard<T>(string path, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception error) when (error is InvalidOperationException or FormatException or KeyNotFoundException)
        {
            throw new InvalidFileException(path, $"A value is of an unexpected kind: {error.Message.TrimEnd('.')}", Remedy, error);
        }
    }

    /// <summary>The beginning of a value's text, for messages.</summary>
    public static string Excerpt(JsonElement element)
    {
        string text = element.GetRawText();
        return text.Length <= 60 ? text : text[..60] + "...";
    }

    /// <summary>The member, or null where it is absent or null.</summary>
    public static JsonElement? Optional(JsonElement element, string name) =>
        element.TryGetProperty(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;

    public static string? Text(JsonElement element, string name) => Optional(element, name)?.GetString();

    public static bool Flag(JsonElement element, string name, bool absent = false) => Optional(element, name)?.GetBoolean() ?? absent;

    /// <summary>The items of a list, none where it is absent or null.</summary>
    public JsonElement.ArrayEnumerator Items(JsonElement element, string name) =>
        Optional(element, name) is null ? default : Member(element, name, JsonValueKind.Array).EnumerateArray();

    public JsonElement Member(JsonElement element, string name, JsonValueKind kind)
    {
        JsonElement value = Optional(element, name) ?? throw Invalid($"The member '{name}' is missing");
        Require(value, kind, $"'{name}'");
        return value;
    }

    public void Require(JsonElement element, JsonValueKind kind, string what)
    {
        if (element.ValueKind != kind)
            throw Invalid($"Expected {what} to be of kind {kind}, found {Excerpt(element)}");
    }

    /// <summary>The text that a pattern <c>{"String": text}</c> is.</summary>
    /// <exception cref="UnsupportedModelException">It is another kind of pattern.</exception>
    public string PatternText(JsonElement element, string whose) => Text(Member(element, "pattern", JsonValueKind.Object), "String") is { Length: > 0 } text
        ? text
        : throw Unsupported($"{whose} with the pattern {Excerpt(element.GetProperty("pattern"))}");

    public InvalidFileException Invalid(string message) => new(path, message, Remedy);

    public UnsupportedModelException Unsupported(string what) => new(path, $"{what} is not supported", Supported);
}
