using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using TailorKV.Planner.Policies;
using TailorKV.Runtime;

namespace TailorKV.Cli.Tests;

public class CommandTests(ToolFixture tool) : IClassFixture<ToolFixture>
{
    [Theory]
    [InlineData]
    [InlineData("nonsense")]
    [InlineData("profile")]
    [InlineData("profile", "x", "--context", "0")]
    [InlineData("profile", "x", "--context", "many")]
    [InlineData("profile", "x", "--context", "99999999999")]
    [InlineData("profile", "x", "--unknown")]
    [InlineData("plan", "x", "--context", "128", "--goal", "fewest-bytes")]
    [InlineData("plan", "x", "--context", "128", "--goal", "best")]
    [InlineData("plan", "x", "--context", "128", "--step-ms", "5")]
    [InlineData("plan", "x", "--context", "128", "--chunk", "some")]
    [InlineData("plan", "x", "--vram", "25%")]
    [InlineData("plan", "x", "--vram", "25%", "--vram", "30%", "--context", "128")]
    [InlineData("plan", "x", "--vram", "much", "--context", "128")]
    [InlineData("plan", "x", "--vram", "25%", "--context", "128", "--time-limit", "0")]
    [InlineData("profile", "x", "--options", "some")]
    [InlineData("compare", "x", "--context", "128")]
    [InlineData("compare", "x", "--vram", "25%")]
    [InlineData("report")]
    [InlineData("frontier", "x")]
    [InlineData("frontier", "x", "--context", "128", "--points", "1")]
    [InlineData("run", "x")]
    [InlineData("run", "x", "--prompt", "y", "--temperature", "-1")]
    [InlineData("run", "x", "--prompt", "y", "--temperature", "NaN")]
    [InlineData("run", "x", "--prompt", "y", "--plan", "p", "--context", "128")]
    [InlineData("run", "x", "--prompt", "y", "--raw", "--system", "z")]
    [InlineData("verify", "x", "y", "--needle-depths", "0,101")]
    [InlineData("verify", "x", "y", "--needle-lengths", "1,,2")]
    [InlineData("verify", "x", "y", "--needle-keys", "0")]
    [InlineData("verify", "x", "y", "--tasks")]
    [InlineData("bench")]
    [InlineData("bench", "x", "--gen", "0", "--prompt", "0")]
    [InlineData("bench", "x", "--depth", "-1")]
    [InlineData("bench", "x", "--repetitions", "0")]
    [InlineData("doctor", "x")]
    [InlineData("doctor", "--reference", "x")]
    [InlineData("demo", "--budget", "cheap")]
    [InlineData("hardware")]
    [InlineData("hardware", "show")]
    [InlineData("hardware", "measure", "--context", "255")]
    [InlineData("hardware", "measure", "--warm-up", "-1")]
    public void Wrong_usage_exits_with_2(params string[] args) => ToolFixture.Run(args).Failure(2);

    [Theory]
    [InlineData("profile", "MISSING")]
    [InlineData("plan", "MISSING", "--vram", "25%", "--context", "128")]
    [InlineData("plan", "GARBAGE", "--vram", "25%", "--context", "128")]
    [InlineData("compare", "MISSING", "--vram", "25%", "--context", "128")]
    [InlineData("compare", "PROFILE", "--vram", "25%", "--context", "128", "--kvtuner", "MISSING")]
    [InlineData("compare", "PROFILE", "--vram", "25%", "--context", "128", "--kvtuner", "GARBAGE")]
    [InlineData("frontier", "MISSING", "--context", "128")]
    [InlineData("frontier", "GARBAGE", "--context", "128")]
    [InlineData("frontier", "PROFILE", "--context", "128", "--html", "MISSING/MISSING")]
    [InlineData("report", "MISSING")]
    [InlineData("report", "GARBAGE")]
    [InlineData("report", "PLAN", "--out", "MISSING/MISSING")]
    [InlineData("explain", "MISSING")]
    [InlineData("explain", "GARBAGE")]
    [InlineData("verify", "MODEL", "GARBAGE")]
    [InlineData("verify", "MODEL", "PLAN", "--text", "MISSING")]
    [InlineData("verify", "MODEL", "PLAN", "--tasks", "MISSING")]
    [InlineData("verify", "MODEL", "PLAN", "--tasks", "GARBAGE")]
    [InlineData("run", "MISSING", "--prompt", "x")]
    [InlineData("run", "GARBAGE", "--prompt", "x")]
    [InlineData("run", "MODEL", "--plan", "MISSING", "--prompt", "x")]
    [InlineData("bench", "MISSING")]
    [InlineData("bench", "MODEL", "--plan", "GARBAGE")]
    [InlineData("doctor", "MODEL", "--reference", "GARBAGE")]
    [InlineData("profile", "MODEL", "--out", "MISSING/MISSING")]
    [InlineData("demo", "--out", "MISSING")]
    [InlineData("hardware", "show", "MISSING")]
    [InlineData("hardware", "show", "GARBAGE")]
    [InlineData("hardware", "measure", "--out", "MISSING/MISSING")]
    public void A_bad_file_is_named_and_exits_with_1(params string[] args)
    {
        File.WriteAllText(tool.PathOf("garbage.gguf"), "\0[1, 2");
        string[] named = [.. args.Select(arg => arg.Replace("MISSING", tool.PathOf("missing")).Replace("GARBAGE", tool.PathOf("garbage.gguf"))
            .Replace("MODEL", ToolFixture.Model).Replace("PLAN", tool.Plan).Replace("PROFILE", tool.Profile))];
        string line = ToolFixture.Run(named).Failure(1);
        Assert.Contains(args.Any(arg => arg.StartsWith("MISSING", StringComparison.Ordinal)) ? "missing" : "garbage.gguf", line, StringComparison.Ordinal);
    }

    [Fact]
    public void Help_and_version_exit_with_0_and_errors_point_to_the_command()
    {
        Assert.Equal(0, ToolFixture.Run("--version").ExitCode);
        Assert.Contains("tailorkv profile", ToolFixture.Run("--help").Output, StringComparison.Ordinal);
        Assert.Contains("'tailorkv hardware list --help'", ToolFixture.Run("hardware", "list", "--unknown").Failure(2), StringComparison.Ordinal);
        Assert.Contains("come on top", ToolFixture.Run("plan", "--help").Output, StringComparison.Ordinal);
    }

    /// <summary>Layers measured one run after another make the profile that one run makes; before the last of them there is nothing to plan from.</summary>
    [Fact]
    public void A_profile_is_made_in_parts()
    {
        string path = tool.PathOf("parts.profile.json");
        string[] command = ["profile", ToolFixture.Model, "--context", $"{ToolFixture.Context - 8}", "--tail", "8", "--windows", "1", "--out", path, "--layers"];
        Assert.Contains("Not measured yet: 0,4-5; the same command", ToolFixture.Run([.. command, "1-3"]).Output, StringComparison.Ordinal);
        string line = ToolFixture.Run("plan", path, "--vram", "50%", "--context", "256", "--out", tool.PathOf("parts.plan.json")).Failure(1);
        Assert.Contains("it has layers 1-3 of a model of 6, and all are needed. Measure the others too", line, StringComparison.Ordinal);
        Assert.Contains("other windows", ToolFixture.Run([.. command, "0", "--seed", "2"]).Failure(1), StringComparison.Ordinal);
        Assert.Equal(0, ToolFixture.Run([.. command, "0,3-5", "--json"]).Json().GetProperty("missingLayers").GetArrayLength());
        Assert.Equal(File.ReadAllBytes(tool.Profile), File.ReadAllBytes(path));
        Assert.Contains("takes layers from 0", ToolFixture.Run([.. command, "some"]).Failure(2), StringComparison.Ordinal);
        Assert.Contains("layers 6 are not", ToolFixture.Run([.. command, "6"]).Failure(1), StringComparison.Ordinal);
    }

    /// <summary>Whatever the command, what does not fit is refused with what is asked for and what is free.</summary>
    [Theory]
    [InlineData("run", "MODEL", "--prompt", "x", "--context", "268435456")]
    [InlineData("run", "MODEL", "--prompt", "x", "--plan", "HUGE")]
    [InlineData("bench", "MODEL", "--plan", "HUGE")]
    [InlineData("bench", "MODEL", "--depth", "200000000", "--prompt", "0")]
    [InlineData("verify", "MODEL", "HUGE")]
    public void More_than_is_free_is_refused(params string[] args)
    {
        string huge = tool.PathOf("huge.plan.json");
        using (CausalLanguageModel model = CausalLanguageModel.Load(ToolFixture.Model))
            File.WriteAllText(huge, Planner.Plans.Plan.Uniform(model.Fingerprint, 1 << 28, new FullPolicy()).ToJson());
        ToolRun run = ToolFixture.Run([.. args.Select(arg => arg.Replace("MODEL", ToolFixture.Model, StringComparison.Ordinal).Replace("HUGE", huge, StringComparison.Ordinal))]);
        Assert.Equal((1, ""), (run.ExitCode, run.Output));
        Assert.Matches("error: a session of [0-9]+ tokens, the weights of tiny-recall included, takes .* are free", run.Error);
    }

    /// <summary>The shape is the same from a model, from its configuration alone, and from its profile.</summary>
    [Fact]
    public void A_profile_is_estimated_without_weights()
    {
        string folder = tool.PathOf("without-weights");
        Directory.CreateDirectory(folder);
        foreach (string file in new[] { "config.json", "text.txt" })
            File.Copy(Path.Combine(ToolFixture.Model, file), Path.Combine(folder, file), overwrite: true);
        string[] lines = [.. new[] { ToolFixture.Model, folder, tool.Profile }.Select(model => ToolFixture.Run("profile", model, "--dry-run", "--text", "any", "--machine", "t4").Output)];
        Assert.Contains("assumed to be bf16", lines[1], StringComparison.Ordinal);
        string[] tables = [.. lines.Select(text => string.Join('\n', text.Split('\n').Where(line => line.StartsWith("  ", StringComparison.Ordinal))))];
        Assert.Contains("tokens decoded", tables[0], StringComparison.Ordinal);
        Assert.Equal([tables[0], tables[0]], tables[1..]);
        Assert.Contains("give --dry-run too", ToolFixture.Run("profile", ToolFixture.Model, "--machine", "t4").Failure(2), StringComparison.Ordinal);
    }

    [Fact]
    public void The_same_request_gives_the_same_bytes()
    {
        ToolFixture.Run("profile", ToolFixture.Model, "--context", $"{ToolFixture.Context - 8}", "--tail", "8", "--windows", "1", "--out", tool.PathOf("again.profile.json")).Succeed();
        Assert.Equal(File.ReadAllBytes(tool.Profile), File.ReadAllBytes(tool.PathOf("again.profile.json")));
        ToolFixture.Run("plan", tool.Profile, "--vram", "50%", "--context", $"{ToolFixture.Context}", "--out", tool.PathOf("again.plan.json")).Succeed();
        Assert.Equal(File.ReadAllBytes(tool.Plan), File.ReadAllBytes(tool.PathOf("again.plan.json")));
    }

    [Fact]
    public void A_budget_that_cannot_work_names_the_smallest_that_does()
    {
        string path = tool.PathOf("smallest.plan.json");
        string line = ToolFixture.Run("plan", tool.Profile, "--vram", "1%", "--context", "256", "--out", path).Failure(1);
        Assert.False(File.Exists(path));
        Match remedy = Regex.Match(line, @"--vram (?<percent>[\d.]+)% \(or --vram (?<bytes>\d+)\)", RegexOptions.None, TimeSpan.FromSeconds(1));
        Assert.True(remedy.Success, line);
        ToolFixture.Run("plan", tool.Profile, "--vram", remedy.Groups["percent"].Value + "%", "--context", "256", "--out", path).Succeed();
        long smallest = long.Parse(remedy.Groups["bytes"].Value, CultureInfo.InvariantCulture);
        ToolFixture.Run("plan", tool.Profile, "--vram", $"{smallest}", "--context", "256", "--out", path).Succeed();
        ToolFixture.Run("plan", tool.Profile, "--vram", $"{smallest - 1}", "--context", "256", "--out", path).Failure(1);
    }

    [Fact]
    public void Each_plan_of_the_frontier_is_what_its_command_makes()
    {
        JsonElement points = ToolFixture.Run("frontier", tool.Profile, "--context", "256", "--points", "5", "--json").Json().GetProperty("points");
        Assert.InRange(points.GetArrayLength(), 2, 5);
        foreach (JsonElement point in points.EnumerateArray())
        {
            string[] command = point.GetProperty("command").GetString()!.Split(' ');
            Assert.Equal("tailorkv", command[0]);
            JsonElement plan = ToolFixture.Run([.. command[1..], "--out", tool.PathOf("frontier.plan.json"), "--json"]).Json();
            foreach (string member in new[] { "cache", "device", "host", "predictedLoss", "layers" })
                Assert.Equal(plan.GetProperty(member).GetRawText(), Regex.Replace(point.GetProperty(member).GetRawText(), "^    ", "", RegexOptions.Multiline, TimeSpan.FromSeconds(1)));
        }
    }

    [Fact]
    public void The_frontier_writes_a_page_and_a_row_for_each_plan()
    {
        string page = tool.PathOf("frontier.html");
        ToolRun run = ToolFixture.Run("frontier", tool.Profile, "--context", "256", "--points", "3", "--html", page);
        run.Succeed();
        Assert.Contains($"Page: {page}", run.Output, StringComparison.Ordinal);
        Assert.StartsWith("<!DOCTYPE html>", File.ReadAllText(page), StringComparison.Ordinal);
        Assert.Contains("100000 tokens is more than", ToolFixture.Run("frontier", tool.Profile, "--context", "100000").Failure(1), StringComparison.Ordinal);
    }

    [Fact]
    public void A_host_limit_holds()
    {
        string line = ToolFixture.Run("plan", tool.Profile, "--vram", "50%", "--host", "1KiB", "--context", "256", "--out", tool.PathOf("host.plan.json")).Failure(1);
        Assert.Contains("--host", line, StringComparison.Ordinal);
    }

    [Fact]
    public void A_plan_for_another_model_is_refused()
    {
        string other = Directory.CreateDirectory(tool.PathOf("other")).FullName;
        foreach (string file in Directory.GetFiles(ToolFixture.Model))
            File.Copy(file, Path.Combine(other, Path.GetFileName(file)), overwrite: true);
        byte[] weights = File.ReadAllBytes(Path.Combine(other, "model.safetensors"));
        weights[^2] ^= 1;
        File.WriteAllBytes(Path.Combine(other, "model.safetensors"), weights);
        Assert.Contains("plan is for the model", ToolFixture.Run("verify", other, tool.Plan).Failure(1), StringComparison.Ordinal);
        Assert.Contains("plan is for the model", ToolFixture.Run("run", other, "--plan", tool.Plan, "--prompt", "x").Failure(1), StringComparison.Ordinal);
    }

    [Fact]
    public void A_prompt_longer_than_the_plan_allows_is_refused_with_the_numbers()
    {
        string line = ToolFixture.Run("run", ToolFixture.Model, "--plan", tool.Plan, "--prompt", string.Concat(Enumerable.Repeat("0", 300))).Failure(1);
        Assert.Contains("301 tokens", line, StringComparison.Ordinal);
        Assert.Contains("256", line, StringComparison.Ordinal);
    }

    [Fact]
    public void Passages_longer_than_the_plan_allows_are_refused_with_the_numbers()
    {
        string line = ToolFixture.Run("verify", ToolFixture.Model, tool.Plan, "--needle-lengths", "128,300").Failure(1);
        Assert.Contains("300 tokens", line, StringComparison.Ordinal);
        Assert.Contains("256", line, StringComparison.Ordinal);
    }

    [Fact]
    public void Hidden_facts_have_a_row_for_each_length_and_number_and_a_column_for_each_depth()
    {
        ToolRun run = ToolFixture.Run(
            "verify", ToolFixture.Model, tool.Plan, "--tail", "8", "--windows", "1", "--passages", "1", "--needle-lengths", "128,200", "--needle-keys", "1,2", "--needle-depths", "10,50");
        run.Succeed();
        Assert.Contains("10% deep", run.Output, StringComparison.Ordinal);
        foreach (string row in new[] { @"128 +1", @"128 +2", @"200 +1", @"200 +2" })
            Assert.Matches(row + @" +[01] / [01] +[01] / [01]", run.Output);
    }

    [Fact]
    public void Timing_more_tokens_than_the_plan_allows_is_refused_with_what_is_needed()
    {
        string line = ToolFixture.Run("bench", ToolFixture.Model, "--plan", tool.Plan, "--depth", "200", "--prompt", "10", "--gen", "20").Failure(1);
        Assert.Contains("--context 280", line, StringComparison.Ordinal);
        Assert.Contains("256", line, StringComparison.Ordinal);
        Assert.Contains("300", ToolFixture.Run("bench", ToolFixture.Model, "--plan", tool.Plan, "--prompt", "300", "--gen", "0").Failure(1), StringComparison.Ordinal);
    }

    [Fact]
    public void Timing_shows_a_row_for_each_phase()
    {
        ToolRun run = ToolFixture.Run("bench", ToolFixture.Model, "--warm-up", "0", "--repetitions", "1", "--prompt", "8", "--gen", "2");
        run.Succeed();
        Assert.Contains("decode at 1 ", run.Output, StringComparison.Ordinal);
        Assert.Contains("prefill ", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Generation_stops_where_it_should_and_repeats_by_seed()
    {
        string[] run = ["run", ToolFixture.Model, "--prompt", "And it came to pass", "--max-tokens", "8", "--json"];
        string Text(params string[] more) => ToolFixture.Run([.. run, .. more]).Json().GetProperty("text").GetString()!;
        Assert.Equal(Text(), Text("--temperature", "0"));
        Assert.Equal(Text("--temperature", "2", "--seed", "7"), Text("--temperature", "2", "--seed", "7"));
        Assert.NotEqual(Text("--temperature", "2", "--seed", "7"), Text("--temperature", "2", "--seed", "8"));
        var full = ToolFixture.Run([.. run, "--context", "9"]).Json();
        Assert.Equal("contextFull", full.GetProperty("stop").GetString());
        Assert.Equal(9 - full.GetProperty("promptTokens").GetInt32() + 1, full.GetProperty("generatedTokens").GetInt32());
    }

    [Fact]
    public void Text_streams_to_stdout_and_the_summary_to_stderr()
    {
        ToolRun run = ToolFixture.Run("run", ToolFixture.Model, "--prompt", " Note: the code of Bafeti is 48213. And he said. Recall: the code of Bafeti is ", "--max-tokens", "5");
        Assert.Equal("48213" + Environment.NewLine, run.Output);
        Assert.Contains("device", run.Error, StringComparison.Ordinal);
    }
}
