using System.Text.Json;
using TailorKV.Cli.Output;
using TailorKV.Tests;

namespace TailorKV.Cli.Tests;

/// <summary>A folder with a profile and a plan of tiny-recall, made by the tool itself at sizes that take moments.</summary>
public sealed class ToolFixture : IDisposable
{
    public const int Context = 256;

    public ToolFixture()
    {
        Folder = Directory.CreateTempSubdirectory("tailorkv").FullName;
        ProfileRun = Run("profile", Model, "--context", $"{Context - 8}", "--tail", "8", "--windows", "1", "--out", Profile, "--json");
        PlanRun = Run("plan", Profile, "--vram", "50%", "--context", $"{Context}", "--out", Plan, "--json");
    }

    public static string Model { get; } = Path.Combine(SharedData.Root, "models", "tiny-recall");

    public string Folder { get; }

    public string Profile => PathOf("profile.json");

    public string Plan => PathOf("plan.json");

    internal ToolRun ProfileRun { get; }

    internal ToolRun PlanRun { get; }

    public string PathOf(string name) => Path.Combine(Folder, name);

    internal static ToolRun Run(params string[] args)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        int exitCode = Application.Run(args, new Terminal(output, error, CancellationToken.None));
        return new ToolRun(exitCode, output.ToString(), error.ToString());
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}

internal sealed record ToolRun(int ExitCode, string Output, string Error)
{
    /// <summary>The one JSON document on stdout.</summary>
    public JsonElement Json()
    {
        Assert.Equal("", Error);
        Assert.Equal(0, ExitCode);
        using JsonDocument document = JsonDocument.Parse(Output);
        return document.RootElement.Clone();
    }

    /// <summary>Asserts that the run went well.</summary>
    public void Succeed() => Assert.True(ExitCode == 0, Error);

    /// <summary>The one line on stderr of a run that failed and wrote nothing else.</summary>
    public string Failure(int exitCode)
    {
        Assert.Equal(exitCode, ExitCode);
        Assert.Equal("", Output);
        string line = Assert.Single(Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.StartsWith("error: ", line, StringComparison.Ordinal);
        Assert.DoesNotContain("should not happen", line, StringComparison.Ordinal);
        return line;
    }
}
