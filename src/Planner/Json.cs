using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using TailorKV.Planner.Machines;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Profiles;

namespace TailorKV.Planner;

/// <summary>Reads and writes profiles, plans and machines. Unknown, missing and null members are errors; the same object gives the same bytes.</summary>
public static class Json
{
    /// <summary>The largest of these files that is read, in bytes.</summary>
    public const long LargestFile = 256L << 20;

    private const int MostShown = 60;

    /// <summary>Reads a plan and checks it.</summary>
    /// <exception cref="InvalidFileException">The file is missing, not a plan, or contradicts itself.</exception>
    public static Plan ReadPlan(string path)
    {
        Plan plan = Read(path, PlannerJsonContext.Default.Plan, "plan");
        return plan.Problem() is { } problem ? throw new InvalidFileException(path, problem, "Make the plan again with 'tailorkv plan'") : plan.WithAllParts();
    }

    /// <summary>Reads a profile and checks it.</summary>
    /// <exception cref="InvalidFileException">The file is missing, not a profile, or contradicts itself.</exception>
    public static ModelProfile ReadProfile(string path)
    {
        ModelProfile profile = Read(path, PlannerJsonContext.Default.ModelProfile, "profile");
        return profile.Problem() is { } problem
            ? throw new InvalidFileException(path, problem, "Measure the model again with 'tailorkv profile'")
            : profile;
    }

    /// <summary>Whether a file holds a plan, by its members, rather than a profile. It is not checked further.</summary>
    /// <exception cref="InvalidFileException">The file is missing or no JSON.</exception>
    public static bool HoldsPlan(string path) =>
        Read(path, PlannerJsonContext.Default.JsonElement, "profile or plan") is { ValueKind: JsonValueKind.Object } file && file.TryGetProperty("target", out _);

    /// <summary>Reads a machine and checks it.</summary>
    /// <exception cref="InvalidFileException">The file is missing, not a machine, or its numbers are out of range.</exception>
    public static Machine ReadMachine(string path) => Checked(Read(path, PlannerJsonContext.Default.Machine, "machine"), path);

    /// <summary>Reads a machine from a stream and checks it.</summary>
    /// <param name="stream">The JSON text.</param>
    /// <param name="name">What the stream is called in errors.</param>
    internal static Machine ReadMachine(Stream stream, string name) =>
        Checked(JsonSerializer.Deserialize(stream, PlannerJsonContext.Default.Machine)!, name);

    /// <summary>The JSON text of a plan, ended by a line feed.</summary>
    /// <exception cref="TailorKVException">It would be refused when read.</exception>
    public static string Write(Plan plan) => Write(plan, plan.Problem(), PlannerJsonContext.Default.Plan);

    /// <summary>The JSON text of a profile, ended by a line feed.</summary>
    /// <exception cref="TailorKVException">It would be refused when read.</exception>
    public static string Write(ModelProfile profile) => Write(profile, profile.Problem(), PlannerJsonContext.Default.ModelProfile);

    /// <summary>The JSON text of a machine, ended by a line feed.</summary>
    /// <exception cref="TailorKVException">It would be refused when read.</exception>
    public static string Write(Machine machine) => Write(machine, machine.Problem(), PlannerJsonContext.Default.Machine);

    // What is consistent has no number that JSON cannot hold.
    private static string Write<T>(T value, string? problem, JsonTypeInfo<T> type) => problem is null
        ? JsonSerializer.Serialize(value, type).ReplaceLineEndings("\n") + "\n"
        : throw new TailorKVException(problem, "Correct it before it is written: no reader would take it");

    private static Machine Checked(Machine machine, string name) =>
        machine.Problem() is { } problem ? throw new InvalidFileException(name, problem, "Measure the machine again with 'tailorkv hardware measure'") : machine;

    private static T Read<T>(string path, JsonTypeInfo<T> type, string what)
    {
        byte[] bytes = [];
        try
        {
            var file = new FileInfo(path);
            if (!file.Exists)
                throw new InvalidFileException(path, Directory.Exists(path) ? "it is a folder" : "there is no such file", $"Give the path of a {what}");
            if (file.Length > LargestFile)
                throw new InvalidFileException(path, $"{file.Length} bytes are too many for a {what}", $"Give the path of a {what}");
            bytes = File.ReadAllBytes(path);
            return JsonSerializer.Deserialize(bytes, type)
                ?? throw new InvalidFileException(path, "it holds null", $"Give the path of a {what}");
        }
        catch (Exception e) when (e is JsonException or NotSupportedException or InvalidOperationException)
        {
            throw new InvalidFileException(path, $"it is no valid {what}: {Describe(e, bytes)}", $"Give a {what} that this version of the tool wrote", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new InvalidFileException(path, e.Message.TrimEnd('.'), "Check that the file can be read", e);
        }
    }

    /// <summary>What a reader says, the place of it, and the text there.</summary>
    private static string Describe(Exception error, ReadOnlySpan<byte> file)
    {
        // The reader's own words for the place stand behind.
        string said = error.Message.Split(" Path: ")[0].TrimEnd('.');
        if (error is not JsonException { Path: { } place, LineNumber: { } line, BytePositionInLine: { } end })
            return said;
        for (long i = 0; i < line; i++)
            file = file[(file.IndexOf((byte)'\n') + 1)..];
        ReadOnlySpan<byte> before = file[..(int)Math.Min(end, file.Length)];
        string text = Encoding.UTF8.GetString(before[^Math.Min(before.Length, MostShown)..]).Trim();
        return $"{place.TrimStart('$', '.')} at line {line + 1}, \"{text}\": {said}".TrimStart();
    }
}
