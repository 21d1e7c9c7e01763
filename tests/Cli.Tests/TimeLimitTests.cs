using System.Text.Json;
using TailorKV.Tests;

namespace TailorKV.Cli.Tests;

/// <summary>'plan --time-limit'. A limit shorter than a tick of the clock is over when it begins, so no test waits.</summary>
public sealed class TimeLimitTests
{
    private static readonly string[] Request =
        ["plan", Path.Combine(SharedData.Root, "plans", "llama-3.1-8b", "profile.json"), "--vram", "23GiB", "--context", "131072", "--machine", "rtx-3090", "--step-ms", "33"];

    [Fact]
    public void Without_a_plan_it_says_that_none_was_found_and_not_that_there_is_none()
    {
        string path = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid()}.plan.json");
        string line = ToolFixture.Run([.. Request, "--time-limit", "1e-9", "--out", path]).Failure(1);
        Assert.Contains("no plan was found in the time given", line, StringComparison.Ordinal);
        Assert.False(File.Exists(path));
    }

    [Fact]
    public void Time_in_plenty_gives_the_plan_with_proof_and_what_binds()
    {
        string path = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid()}.plan.json");
        try
        {
            JsonElement result = ToolFixture.Run([.. Request, "--time-limit", "3600", "--out", path, "--json"]).Json();
            Assert.Equal("optimal", result.GetProperty("solver").GetProperty("status").GetString());
            Assert.Equal(0.064384, result.GetProperty("predictedLoss").GetDouble(), 1e-12);
            Assert.All(result.GetProperty("effects").EnumerateArray(), effect => Assert.NotEqual(JsonValueKind.Null, effect.GetProperty("binds").ValueKind));
            Assert.True(File.Exists(path));
        }
        finally
        {
            File.Delete(path);
        }
    }
}
