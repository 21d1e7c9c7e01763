using System.Diagnostics;

namespace TailorKV.Cli.Tests;

/// <summary>The tool as a process of its own, its output closed, full or read by nobody: it ends quietly, and says by its exit code that something was lost.</summary>
public class ClosedOutputTests(ToolFixture tool) : IClassFixture<ToolFixture>
{
    private const string NobodyReads = "exec 3> >(true); wait $!; $TOOL >&3";
    private const string Closed = "$TOOL >&-";
    private const string Full = "$TOOL >/dev/full";
    private const string Generate = "run MODEL --prompt And --max-tokens 3";

    public static TheoryData<string, string, int> Lost()
    {
        var rows = new TheoryData<string, string, int>();
        foreach (string command in new[] { "--help", "--version", "hardware list", "hardware list --json", "explain PLAN", "explain PLAN --json", Generate, Generate + " --json" })
        {
            foreach ((string script, int exitCode) in new[] { (NobodyReads, 141), (Closed, 1), (Full, 1), (Closed + " 2>&-", 1) })
                rows.Add(command, script, exitCode);
        }

        return rows;
    }

    [Theory]
    [MemberData(nameof(Lost))]
    public async Task A_result_that_is_lost_ends_the_tool_with_a_line_at_the_most(string command, string script, int exitCode)
    {
        ToolRun run = await Bash(command, script);
        Assert.Equal((exitCode, ""), (run.ExitCode, run.Output));
        bool tells = exitCode == 1 && !script.EndsWith("2>&-", StringComparison.Ordinal);
        Assert.Equal(tells ? 1 : 0, run.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        if (tells)
            Assert.StartsWith("error: the result cannot be written to stdout: ", run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Generate, "$TOOL 2>&-", 0)]
    [InlineData(Generate, "$TOOL 2>/dev/full", 0)]
    [InlineData(Generate, "exec 3> >(true); wait $!; $TOOL 2>&3", 0)]
    [InlineData("explain missing.json", "$TOOL 2>&-", 1)]
    [InlineData("explain missing.json", "$TOOL 2>/dev/full", 1)]
    [InlineData("explain", "$TOOL 2>&-", 2)]
    [InlineData("explain", "exec 3> >(true); wait $!; $TOOL 2>&3", 2)]
    public async Task Remarks_and_errors_that_are_lost_change_nothing(string command, string script, int exitCode)
    {
        ToolRun run = await Bash(command, script);
        Assert.Equal((exitCode, ""), (run.ExitCode, run.Error));
        Assert.Equal(exitCode == 0, run.Output.Length > 0);
    }

    [Fact]
    public async Task Nothing_is_generated_for_nobody()
    {
        // Far more tokens than a test could wait for.
        ToolRun run = await Bash("run MODEL --prompt And --max-tokens 4000 --temperature 1 --context 4096", NobodyReads);
        Assert.Equal((141, "", ""), (run.ExitCode, run.Output, run.Error));
    }

    [Theory]
    [InlineData("plan PROFILE --vram 50% --context 256 --out /dev/full", "/dev/full")]
    [InlineData("plan PROFILE --vram 50% --context 256 --mps /dev/full", "/dev/full")]
    [InlineData("report PLAN --out /dev/full", "/dev/full")]
    [InlineData("frontier PROFILE --context 256 --points 2 --html /dev/full", "/dev/full")]
    [InlineData("profile MODEL --context 248 --tail 8 --windows 1 --out PARTIAL", "full.json.partial")]
    public void A_full_disk_names_the_file(string command, string named)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "there is no /dev/full");
        string partial = tool.PathOf("full.json");
        if (!File.Exists(partial + ".partial"))
            File.CreateSymbolicLink(partial + ".partial", "/dev/full");
        ToolRun run = ToolFixture.Run([.. Arguments(command).Select(word => word.Replace("PARTIAL", partial))]);
        Assert.Equal((1, ""), (run.ExitCode, run.Output));
        string line = run.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries)[^1];
        Assert.Contains(named, line, StringComparison.Ordinal);
        Assert.Contains("it cannot be written", line, StringComparison.Ordinal);
        Assert.False(File.Exists(partial));
    }

    private IEnumerable<string> Arguments(string command) =>
        command.Replace("MODEL", ToolFixture.Model).Replace("PROFILE", tool.Profile).Replace("PLAN", tool.Plan).Split(' ');

    private async Task<ToolRun> Bash(string command, string script)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "this test redirects with bash");
        var start = new ProcessStartInfo("bash") { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = tool.Folder };
        start.ArgumentList.Add("-c");
        start.ArgumentList.Add(script.Replace("$TOOL", "\"$@\"", StringComparison.Ordinal));
        foreach (string word in (string[])["bash", "dotnet", Path.Combine(AppContext.BaseDirectory, "TailorKV.Cli.dll"), .. Arguments(command)])
            start.ArgumentList.Add(word);
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        string output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return new ToolRun(process.ExitCode, output, await error);
    }
}
