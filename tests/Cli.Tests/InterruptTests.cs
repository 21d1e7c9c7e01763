using System.Diagnostics;
using System.Runtime.InteropServices;
using TailorKV.Cli.Output;

namespace TailorKV.Cli.Tests;

/// <summary>The tool as a process of its own, stopped by Ctrl-C.</summary>
public class InterruptTests(ToolFixture tool) : IClassFixture<ToolFixture>
{
    private const int Interrupt = 2;

    [Theory]
    [InlineData(100)]
    [InlineData(1500)]
    public async Task An_interrupted_profile_leaves_no_profile(int milliseconds)
    {
        string folder = Directory.CreateDirectory(tool.PathOf($"interrupted{milliseconds}")).FullName;
        (int exitCode, string output, string error) = await Interrupted(
            milliseconds, "profile", ToolFixture.Model, "--context", "2048", "--out", Path.Combine(folder, "profile.json"));
        Assert.Equal(130, exitCode);
        Assert.Equal("", output);
        Assert.Equal("error: stopped.", error.Trim().Split('\n')[^1]);
        Assert.Subset(new HashSet<string?> { "profile.json.partial" }, Directory.GetFileSystemEntries(folder).Select(Path.GetFileName).ToHashSet());
    }

    [Fact]
    public async Task Generation_ends_cleanly()
    {
        (int exitCode, string output, string error) = (0, "", "");
        // All its text takes the tool a second: where the machine is busy it may be done before the signal comes.
        for (int attempt = 0; attempt < 5 && exitCode == 0; attempt++)
            (exitCode, output, error) = await Interrupted(null, "run", ToolFixture.Model, "--prompt", "And", "--max-tokens", "4000", "--temperature", "1");
        Assert.Equal(130, exitCode);
        Assert.NotEqual("", output);
        Assert.Contains("cancelled", error, StringComparison.Ordinal);
    }

    private static async Task<(int ExitCode, string Output, string Error)> Interrupted(int? milliseconds, params string[] args)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "this test reads /proc");
        // Started from a script's background the tests ignore interrupts, and so would a child: it gets the default back.
        var start = new ProcessStartInfo("env") { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add("--default-signal=INT");
        start.ArgumentList.Add("dotnet");
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "TailorKV.Cli.dll"));
        foreach (string arg in args)
            start.ArgumentList.Add(arg);
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();

        // A signal before the tool has started listening would end the runtime itself: wait until the tool's own libraries are mapped.
        while (!process.HasExited && !(await File.ReadAllTextAsync($"/proc/{process.Id}/maps")).Contains("System.CommandLine.dll", StringComparison.Ordinal))
            await Task.Delay(20);
        // Without a time, the first word out says that the tool is generating.
        var first = new char[1];
        int read = 0;
        if (milliseconds is { } wait)
            await Task.Delay(wait);
        else
            read = await process.StandardOutput.ReadAsync(first);
        Assert.Equal(0, Kill(process.Id, Interrupt));
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        await process.WaitForExitAsync(limit.Token);
        return (process.ExitCode, new string(first, 0, read) + await process.StandardOutput.ReadToEndAsync(), await error);
    }

    [DllImport("libc", EntryPoint = "kill")]
    private static extern int Kill(int process, int signal);
}
