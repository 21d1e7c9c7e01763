using System.Diagnostics;

namespace TailorKV.Cli.Tests;

/// <summary>The profiler as a process of its own, ended by force.</summary>
public class KilledProfileTests(ToolFixture tool) : IClassFixture<ToolFixture>
{
    /// <summary>Killed at random moments and started again, it writes the same bytes in the end, and keeps what it had.</summary>
    [Fact]
    public async Task A_killed_profile_goes_on_and_ends_the_same()
    {
        string[] args = ["profile", ToolFixture.Model, "--context", "300", "--tail", "8", "--windows", "2", "--out"];
        string whole = tool.PathOf("whole.json"), killed = tool.PathOf("killed.json"), journal = killed + ".partial";
        ToolFixture.Run([.. args, whole]).Succeed();

        var random = new Random(17);
        long kept = 0;
        int kills = 0;
        while (!File.Exists(killed))
        {
            using Process process = Start([.. args, killed]);
            // Each run gets a little longer, so that the last is not killed.
            using var patience = new CancellationTokenSource(random.Next(200, 1000 + (500 * kills)));
            try
            {
                await process.WaitForExitAsync(patience.Token);
                Assert.Equal(0, process.ExitCode);
            }
            catch (OperationCanceledException)
            {
                process.Kill();
                await process.WaitForExitAsync();
                kills++;
                long length = File.Exists(journal) ? File.ReadAllBytes(journal).AsSpan().LastIndexOf((byte)'\n') + 1 : 0;
                Assert.True(File.Exists(killed) || length >= kept, $"{length} bytes of finished work are left of {kept}");
                kept = length;
            }
        }

        Assert.InRange(kills, 1, int.MaxValue);
        Assert.Equal(await File.ReadAllTextAsync(whole), await File.ReadAllTextAsync(killed));
        if (File.Exists(journal))
            ToolFixture.Run([.. args, killed]).Succeed();
        Assert.False(File.Exists(journal));
    }

    private static Process Start(string[] args)
    {
        var start = new ProcessStartInfo("dotnet") { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string arg in (string[])[Path.Combine(AppContext.BaseDirectory, "TailorKV.Cli.dll"), .. args])
            start.ArgumentList.Add(arg);
        return Process.Start(start)!;
    }
}
