using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace TailorKV.Planner;

/// <summary>Reads JSON from files that are not trusted, and writes it: the same object gives the same bytes.</summary>
public static class JsonFile
{
    /// <summary>The largest file that is read, in bytes.</summary>
    public const long LargestFile = 256L << 20;

    private const int MostShown = 60;
    private const string Damaged = "The file is damaged; fetch it again";

    /// <summary>Options under which unknown, missing, null and duplicate members are errors, and numbers are finite. Every call makes new ones, for a context of generated readers keeps its own.</summary>
    /// <param name="converters">Converters besides that of numbers.</param>
    public static JsonSerializerOptions StrictOptions(params ReadOnlySpan<JsonConverter> converters)
    {
        var options = new JsonSerializerOptions
        {
            WriteIndented = true,
            PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
            UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
            DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
            AllowOutOfOrderMetadataProperties = true,
            RespectNullableAnnotations = true,
            RespectRequiredConstructorParameters = true,
            AllowDuplicateProperties = false,
            MaxDepth = 32,
            Converters = { new FiniteNumberConverter() },
        };
        foreach (JsonConverter converter in converters)
            options.Converters.Add(converter);
        return options;
    }

    /// <summary>Reads an object from a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="type">How it is read.</param>
    /// <param name="what">What it is to be, as in "plan".</param>
    /// <exception cref="InvalidFileException">The file is missing, too large or no such object; the message names the member, its line and the text there.</exception>
    public static T Read<T>(string path, JsonTypeInfo<T> type, string what) =>
        Parse(path, ReadBytes(path, what), type, $"it is no valid {what}", $"Give a {what} that this version of the tool wrote");

    /// <summary>Reads an object from JSON text.</summary>
    /// <param name="file">Where the text comes from, for errors.</param>
    /// <param name="json">The text, in UTF-8.</param>
    /// <param name="type">How it is read.</param>
    /// <param name="refusal">What is wrong where it is no such object, as in "it is no valid plan".</param>
    /// <param name="remedy">What the user can do about that.</param>
    /// <exception cref="InvalidFileException">It is no such object; the message names the member, its line and the text there.</exception>
    public static T Parse<T>(string file, ReadOnlySpan<byte> json, JsonTypeInfo<T> type, string refusal, string remedy)
    {
        try
        {
            return JsonSerializer.Deserialize(json, type) ?? throw new InvalidFileException(file, $"{refusal}: it is null", remedy);
        }
        // Texts that are no valid UTF-16 surface as InvalidOperationException, and kinds that there are none of as NotSupportedException.
        catch (Exception e) when (e is JsonException or NotSupportedException or InvalidOperationException)
        {
            throw new InvalidFileException(file, $"{refusal}: {Describe(e, json)}", remedy, e);
        }
    }

    /// <summary>Reads an object of whatever members from a file, such as a model's settings. Duplicate members, comments and deep nesting are refused.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="InvalidFileException">The file is missing, too large, or no JSON object.</exception>
    public static JsonElement ReadObject(string path) => ParseObject(path, ReadBytes(path, "JSON file"));

    /// <summary>Reads an object of whatever members from JSON text, as <see cref="ReadObject"/> does.</summary>
    /// <param name="file">Where the text comes from, for errors.</param>
    /// <param name="json">The text, in UTF-8.</param>
    /// <exception cref="InvalidFileException">It is no JSON object.</exception>
    public static JsonElement ParseObject(string file, ReadOnlySpan<byte> json)
    {
        try
        {
            JsonElement root = JsonElement.Parse(json, new JsonDocumentOptions { AllowDuplicateProperties = false });
            return root.ValueKind == JsonValueKind.Object ? root : throw new InvalidFileException(file, $"the JSON is {root.ValueKind}, not an object", Damaged);
        }
        // Names that are no valid UTF-16 surface as InvalidOperationException.
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            throw new InvalidFileException(file, $"the JSON cannot be read: {error.Message.TrimEnd('.')}", Damaged, error);
        }
    }

    /// <summary>The members of an object with their names.</summary>
    /// <param name="file">Where the object comes from, for errors.</param>
    /// <param name="json">The object.</param>
    /// <exception cref="InvalidFileException">A name is not valid text.</exception>
    public static IEnumerable<(string Name, JsonElement Value)> Members(string file, JsonElement json)
    {
        foreach (JsonProperty member in json.EnumerateObject())
            yield return (Text(file, () => member.Name), member.Value);
    }

    /// <summary>The text of a string.</summary>
    /// <param name="file">Where the string comes from, for errors.</param>
    /// <param name="json">The string.</param>
    /// <exception cref="InvalidFileException">It is not valid text.</exception>
    public static string Text(string file, JsonElement json) => Text(file, () => json.GetString()!);

    /// <summary>The JSON text of an object, ended by a line feed.</summary>
    /// <param name="value">The object.</param>
    /// <param name="type">How it is written.</param>
    /// <param name="problem">Why a reader would refuse it; null where none would. What is consistent has no number that JSON cannot hold.</param>
    /// <exception cref="TailorKVException">There is a problem.</exception>
    public static string Write<T>(T value, JsonTypeInfo<T> type, string? problem = null) => problem is null
        ? JsonSerializer.Serialize(value, type).ReplaceLineEndings("\n") + "\n"
        : throw new TailorKVException(problem, "Correct it before it is written: no reader would take it");

    private static string Text(string file, Func<string> read)
    {
        try
        {
            return read();
        }
        catch (InvalidOperationException error)
        {
            throw new InvalidFileException(file, "a JSON string is not valid text", Damaged, error);
        }
    }

    private static byte[] ReadBytes(string path, string what)
    {
        try
        {
            var file = new FileInfo(path);
            if (!file.Exists)
                throw new InvalidFileException(path, Directory.Exists(path) ? "it is a folder" : "there is no such file", $"Give the path of a {what}");
            if (file.Length > LargestFile)
                throw new InvalidFileException(path, $"{file.Length} bytes are too many for a {what}", $"Give the path of a {what}");
            return File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new InvalidFileException(path, e.Message.TrimEnd('.'), "Check that the file can be read", e);
        }
    }

    /// <summary>What a reader says, the place of it, and the text there.</summary>
    private static string Describe(Exception error, ReadOnlySpan<byte> json)
    {
        // The reader's own words for the place stand behind.
        string said = error.Message.Split(" Path: ")[0].TrimEnd('.');
        if (error is not JsonException { Path: { } place, LineNumber: { } line, BytePositionInLine: { } end })
            return said;
        for (long i = 0; i < line; i++)
            json = json[(json.IndexOf((byte)'\n') + 1)..];
        ReadOnlySpan<byte> before = json[..(int)Math.Min(end, json.Length)];
        string text = Encoding.UTF8.GetString(before[^Math.Min(before.Length, MostShown)..]).Trim();
        return $"{place.TrimStart('$', '.')} at line {line + 1}, \"{text}\": {said}".TrimStart();
    }
}
