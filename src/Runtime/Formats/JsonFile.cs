using System.Text.Json;
using TailorKV.Planner;

namespace TailorKV.Runtime.Formats;

/// <summary>JSON from files that are not trusted: duplicate members, comments and deep nesting are refused by name of the file.</summary>
internal static class JsonFile
{
    private const int MaximumBytes = 100_000_000;

    /// <summary>Reads a whole file.</summary>
    /// <exception cref="InvalidFileException">The file is missing, too large, or no JSON object.</exception>
    public static JsonElement Read(string path)
    {
        using MappedFile file = MappedFile.Open(path);
        if (file.Length > MaximumBytes)
            throw new InvalidFileException(path, $"the file has {file.Length} bytes", $"At most {MaximumBytes} are accepted");
        return Parse(path, file.Slice(0, (int)file.Length));
    }

    /// <summary>Parses a JSON object.</summary>
    /// <exception cref="InvalidFileException">It is none.</exception>
    public static JsonElement Parse(string path, ReadOnlySpan<byte> json)
    {
        try
        {
            JsonElement root = JsonElement.Parse(json, new JsonDocumentOptions { AllowDuplicateProperties = false });
            if (root.ValueKind != JsonValueKind.Object)
                throw new InvalidFileException(path, $"the JSON is {root.ValueKind}, not an object", "The file is damaged; fetch it again");
            return root;
        }
        // Names that are no valid UTF-16 surface as InvalidOperationException.
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            throw new InvalidFileException(path, $"the JSON cannot be read: {error.Message.TrimEnd('.')}", "The file is damaged; fetch it again", error);
        }
    }

    /// <summary>The members of an object with their names.</summary>
    /// <exception cref="InvalidFileException">A name is not valid text.</exception>
    public static IEnumerable<(string Name, JsonElement Value)> Members(string path, JsonElement json)
    {
        foreach (JsonProperty member in json.EnumerateObject())
            yield return (Text(path, () => member.Name), member.Value);
    }

    /// <summary>The text of a string element.</summary>
    /// <exception cref="InvalidFileException">It is not valid text.</exception>
    public static string Text(string path, JsonElement json) => Text(path, () => json.GetString()!);

    private static string Text(string path, Func<string> read)
    {
        try
        {
            return read();
        }
        catch (InvalidOperationException error)
        {
            throw new InvalidFileException(path, "a JSON string is not valid text", "The file is damaged; fetch it again", error);
        }
    }
}
