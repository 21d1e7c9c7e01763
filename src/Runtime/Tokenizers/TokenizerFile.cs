using System.Text;
using System.Text.Json;
using TailorKV.Planner;

namespace TailorKV.Runtime.Tokenizers;

/// <summary>Reads the text and JSON files of a tokenizer and reports what is wrong with them by name.</summary>
internal static class TokenizerFile
{
    /// <summary>Parses a whole file.</summary>
    /// <exception cref="InvalidFileException">The file cannot be read or is not JSON.</exception>
    public static JsonDocument Open(string path, out long length)
    {
        byte[] bytes = ReadBytes(path);
        length = bytes.LongLength;
        try
        {
            return JsonDocument.Parse(bytes);
        }
        catch (JsonException error)
        {
            throw new InvalidFileException(path, $"Not JSON: {error.Message.TrimEnd('.')}", "Use the model's original file", error);
        }
    }

    /// <summary>Reads a whole UTF-8 text.</summary>
    /// <exception cref="InvalidFileException">The file cannot be read.</exception>
    public static string ReadText(string path) => Encoding.UTF8.GetString(ReadBytes(path));

    /// <summary>Runs a reading of the document; a value of an unexpected kind becomes an error that names the file.</summary>
    /// <exception cref="InvalidFileException">A value is of another kind than is read.</exception>
    public static T Guard<T>(string path, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception error) when (error is InvalidOperationException or FormatException or KeyNotFoundException)
        {
            throw new InvalidFileException(path, $"A value is of an unexpected kind: {error.Message.TrimEnd('.')}", "Use the model's original file", error);
        }
    }

    /// <summary>The beginning of a value's text, for messages.</summary>
    public static string Excerpt(JsonElement element)
    {
        string text = element.GetRawText();
        return text.Length <= 60 ? text : text[..60] + "...";
    }

    private static byte[] ReadBytes(string path)
    {
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new InvalidFileException(path, $"Cannot be read: {error.Message.TrimEnd('.')}", "Check the path and its permissions", error);
        }
    }
}
