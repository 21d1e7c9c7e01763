namespace TailorKV.Cli.Tests;

/// <summary>What every command that runs a model or its kernels does with --device and --threads.</summary>
public class DeviceTests(ToolFixture tool) : IClassFixture<ToolFixture>
{
    // Each at sizes that take moments.
    private static readonly Dictionary<string, string> CommandLines = new()
    {
        ["profile"] = "profile MODEL --context 248 --tail 8 --windows 1 --out OUT",
        ["verify"] = "verify MODEL PLAN --tail 8 --windows 1 --passages 0",
        ["bench"] = "bench MODEL --warm-up 0 --repetitions 1 --prompt 8 --gen 2",
        ["run"] = "run MODEL --prompt x --max-tokens 2",
        ["demo"] = "demo --context 256 --passages 1 --budget 70%",
        ["plan --remeasure"] = "plan PROFILE --vram 50% --context 256 --remeasure MODEL --out OUT",
        ["doctor"] = "doctor",
        ["doctor --reference"] = "doctor MODEL --reference REFERENCE",
        ["hardware measure"] = "hardware measure --context 256 --repetitions 1 --warm-up 0 --out OUT",
    };

    public static TheoryData<string> Commands => [.. CommandLines.Keys];

    [Theory]
    [MemberData(nameof(Commands))]
    public void A_device_that_there_is_not_is_refused_with_those_that_there_are(string command)
    {
        string line = Run(command, "--device", "abacus").Failure(2);
        Assert.Contains("no device 'abacus'", line, StringComparison.Ordinal);
        Assert.Contains("those there are: cpu, torch, cuda.", line, StringComparison.Ordinal);
        Assert.Contains("no device 'CPU'", Run(command, "--device", "CPU").Failure(2), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Commands))]
    public void Threads_are_one_at_least_and_a_thousand_or_so_at_most(string command)
    {
        foreach (string count in new[] { "0", "-1", "1025", "all" })
            Assert.Contains($"--threads takes a whole number from 1 to 1024, not '{count}'", Run(command, "--threads", count).Failure(2), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Commands))]
    public void One_thread_is_enough(string command) => Run(command, "--device", "cpu", "--threads", "1").Succeed();

    [Theory]
    [InlineData("bench", "cpu, 1 thread;", "cpu, 3 threads;")]
    [InlineData("doctor", "cpu: 1 thread;", "cpu: 3 threads;")]
    [InlineData("hardware measure", ", 1 thread. ", ", 3 threads. ")]
    public void Threads_are_shown_as_asked_for(string command, string one, string three)
    {
        Assert.Contains(one, Run(command, "--threads", "1").Output, StringComparison.Ordinal);
        Assert.Contains(three, Run(command, "--threads", "3").Output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_profile_is_the_same_whatever_the_threads()
    {
        byte[] Profile(string threads)
        {
            Run("profile", "--threads", threads).Succeed();
            return File.ReadAllBytes(tool.PathOf("device.json"));
        }

        Assert.Equal(Profile("1"), Profile("3"));
    }

    [Theory]
    [InlineData("--threads", "1")]
    [InlineData("--device", "cpu")]
    public void A_plan_that_runs_no_model_takes_neither(string option, string value) => Assert.Contains(
        $"{option} is for the model that --remeasure runs",
        ToolFixture.Run("plan", tool.Profile, "--vram", "50%", "--context", $"{ToolFixture.Context}", option, value).Failure(2), StringComparison.Ordinal);

    private ToolRun Run(string command, params string[] more) => ToolFixture.Run(
    [
        .. CommandLines[command].Split(' ').Select(word => word switch
        {
            "MODEL" => ToolFixture.Model,
            "REFERENCE" => Path.Combine(ToolFixture.Model, "reference.safetensors"),
            "PROFILE" => tool.Profile,
            "PLAN" => tool.Plan,
            "OUT" => tool.PathOf("device.json"),
            _ => word,
        }),
        .. more,
    ]);
}
