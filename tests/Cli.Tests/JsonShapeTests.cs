using System.Text.Json;

namespace TailorKV.Cli.Tests;

/// <summary>The members of the --json documents, as docs/json-output.md promises them.</summary>
public class JsonShapeTests(ToolFixture tool) : IClassFixture<ToolFixture>
{
    [Fact]
    public void Profile()
    {
        JsonElement result = tool.ProfileRun.Json();
        Assert.Equal("profile model context tail windows seed text seconds layers", Names(result));
        Assert.Equal("index densePreference side cheapest options", Names(result.GetProperty("layers")[0]));
        Assert.Equal("mode choices deviceBytes hostBytes loss outputError", Names(result.GetProperty("layers")[0].GetProperty("options")[0]));
        Assert.Equal(6, result.GetProperty("layers").GetArrayLength());
        Assert.Equal(tool.Profile, result.GetProperty("profile").GetString());
    }

    [Fact]
    public void Plan_and_explain()
    {
        JsonElement result = tool.PlanRun.Json();
        Assert.Equal("plan model context prefillChunk target device host cache predictedLoss solver layersByMode layers", Names(result));
        Assert.Equal("deviceBytes hostBytes", Names(result.GetProperty("target")));
        Assert.Equal("totalBytes weightBytes cacheBytes stagingBytes activationBytes logitBytes", Names(result.GetProperty("device")));
        Assert.Equal("totalBytes cacheBytes prefillBytes bytesPerStep", Names(result.GetProperty("host")));
        Assert.Equal("deviceBytes fullBytes share", Names(result.GetProperty("cache")));
        Assert.Equal("status bound gap", Names(result.GetProperty("solver")));
        Assert.Equal("index mode choices deviceBytes hostBytes stagingBytes hostBytesPerStep loss", Names(result.GetProperty("layers")[0]));
        Assert.Equal("optimal", result.GetProperty("solver").GetProperty("status").GetString());
        Assert.InRange(result.GetProperty("cache").GetProperty("share").GetDouble(), 0.01, 0.5);
        Assert.Equal(tool.PlanRun.Output, ToolFixture.Run("explain", tool.Plan, "--json").Output);
    }

    [Fact]
    public void Verify()
    {
        JsonElement result = ToolFixture.Run("verify", ToolFixture.Model, tool.Plan, "--tail", "8", "--windows", "1", "--passages", "2", "--json").Json();
        Assert.Equal("plan text context judgedTokens device host loss topAgreement perplexity tokensPerSecond needles passed", Names(result));
        foreach (string memory in new[] { "device", "host" })
        {
            Assert.Equal("predictedBytes measuredBytes", Names(result.GetProperty(memory)));
            Assert.Equal(result.GetProperty(memory).GetProperty("predictedBytes").GetInt64(), result.GetProperty(memory).GetProperty("measuredBytes").GetInt64());
        }

        Assert.Equal("predicted measured", Names(result.GetProperty("loss")));
        Assert.Equal("plan full", Names(result.GetProperty("perplexity")));
        Assert.Equal("plan full", Names(result.GetProperty("tokensPerSecond")));
        Assert.Equal("passages plan full", Names(result.GetProperty("needles")));
        Assert.True(result.GetProperty("passed").GetBoolean());
    }

    [Fact]
    public void Run()
    {
        JsonElement result = ToolFixture.Run("run", ToolFixture.Model, "--plan", tool.Plan, "--prompt", "In the beginning", "--max-tokens", "5", "--json").Json();
        Assert.Equal("text stop context promptTokens generatedTokens prefillTokensPerSecond decodeTokensPerSecond deviceBytes hostBytes", Names(result));
        Assert.Equal(ToolFixture.Context, result.GetProperty("context").GetInt32());
        Assert.Equal(5, result.GetProperty("generatedTokens").GetInt32());
        Assert.NotEqual("", result.GetProperty("text").GetString());
    }

    [Fact]
    public void Demo()
    {
        JsonElement result = ToolFixture.Run("demo", "--context", "256", "--passages", "2", "--budget", "70%", "--budget", "60%", "--out", tool.Folder, "--json").Json();
        Assert.Equal("model context fullCacheBytes seconds rows summary", Names(result));
        JsonElement rows = result.GetProperty("rows");
        Assert.Equal(["full", "planned", "planned", "unrefined", "uniform"], rows.EnumerateArray().Select(row => row.GetProperty("kind").GetString()));
        Assert.Equal(
            "kind name cacheDeviceBytes cacheShare hostBytes predictedLoss measuredLoss passages rightAnswers tokensPerSecond layersByMode passed accuracy", Names(rows[0]));
        Assert.All(rows.EnumerateArray(), row => Assert.True(row.GetProperty("passed").GetBoolean()));
        Assert.Equal(0, ToolFixture.Run("explain", tool.PathOf("tiny-recall.60%.plan.json")).ExitCode);
    }

    [Fact]
    public void Doctor()
    {
        JsonElement result = ToolFixture.Run("doctor", "--json").Json();
        Assert.Equal("checks passed", Names(result));
        Assert.Equal("name value passed", Names(result.GetProperty("checks")[0]));
    }

    [Fact]
    public void Doctor_with_a_reference()
    {
        string reference = Path.Combine(ToolFixture.Model, "reference.safetensors");
        JsonElement result = ToolFixture.Run("doctor", ToolFixture.Model, "--reference", reference, "--json").Json();
        Assert.Equal("model reference tolerance ropeFrequencies tensors passed passesWithRopeFrequencies", Names(result));
        Assert.Equal("name elements absolute relative passed", Names(result.GetProperty("tensors")[0]));
        Assert.Equal(1, ToolFixture.Run("doctor", ToolFixture.Model, "--reference", reference, "--tolerance", "0").ExitCode);
    }

    private static string Names(JsonElement element) => string.Join(" ", element.EnumerateObject().Select(member => member.Name));
}
