using System.Text.Json;
using TailorKV.Planner.Policies;

namespace TailorKV.Cli.Tests;

/// <summary>The members of the --json documents, as docs/json-output.md promises them.</summary>
public class JsonShapeTests(ToolFixture tool) : IClassFixture<ToolFixture>
{
    [Fact]
    public void Profile()
    {
        JsonElement result = tool.ProfileRun.Json();
        Assert.Equal("profile model context tail windows seed text seconds secondsByPhase weights layers missingLayers", Names(result));
        Assert.Equal("index densePreference side gradients cheapest options unmeasured", Names(result.GetProperty("layers")[0]));
        Assert.Equal("mode choices deviceBytes hostBytes loss lossError outputError", Names(result.GetProperty("layers")[0].GetProperty("options")[0]));
        Assert.Equal(6, result.GetProperty("layers").GetArrayLength());
        Assert.Equal(tool.Profile, result.GetProperty("profile").GetString());
    }

    [Fact]
    public void Profile_that_is_only_estimated()
    {
        JsonElement result = ToolFixture.Run("profile", ToolFixture.Model, "--dry-run", "--machine", "t4", "--out", tool.PathOf("estimated.json"), "--json").Json();
        Assert.Equal("model context tail windows weightBytes hasWeights passes memory machine seconds secondsByPhase", Names(result));
        Assert.Equal(
            "exact prefilledTokens gradients sampledTokens layers options recalls outputErrors fewestLosses expectedLosses mostLosses decodedTokens", Names(result.GetProperty("passes")));
        Assert.Equal("deviceBytes hostBytes", Names(result.GetProperty("memory")));
        Assert.Equal(tool.ProfileRun.Json().GetProperty("secondsByPhase").EnumerateArray().Select(phase => Text(phase, "name")), result.GetProperty("secondsByPhase").EnumerateArray().Select(phase => Text(phase, "name")));
        Assert.Equal("NVIDIA T4", Text(result, "machine"));
        Assert.Empty(Directory.GetFiles(tool.Folder, "estimated*"));
        Assert.Equal(JsonValueKind.Null, ToolFixture.Run("profile", ToolFixture.Model, "--dry-run", "--json").Json().GetProperty("seconds").ValueKind);
    }

    [Fact]
    public void Plan_and_explain()
    {
        JsonElement result = tool.PlanRun.Json();
        Assert.Equal("plan model derivedFrom context batch goal prefillChunk target device host cache predictedLoss predictedLossError time solver layersByMode layers effects remeasured", Names(result));
        Assert.Equal("deviceBytes hostBytes stepSeconds loss machine", Names(result.GetProperty("target")));
        Assert.Equal("totalBytes weightBytes cacheBytes stagingBytes activationBytes logitBytes", Names(result.GetProperty("device")));
        Assert.Equal("totalBytes weightBytes cacheBytes prefillBytes logitBytes bytesPerStep", Names(result.GetProperty("host")));
        Assert.Equal("deviceBytes fullBytes share", Names(result.GetProperty("cache")));
        Assert.Equal("status bound gap", Names(result.GetProperty("solver")));
        Assert.Equal("index mode choices deviceBytes hostBytes stagingBytes hostBytesPerStep loss lossError lossShare", Names(result.GetProperty("layers")[0]));
        Assert.Equal("optimal", result.GetProperty("solver").GetProperty("status").GetString());
        Assert.InRange(result.GetProperty("cache").GetProperty("share").GetDouble(), 0.01, 0.5);
        JsonElement effect = result.GetProperty("effects").EnumerateArray().Single();
        Assert.Equal("limit value used binds step lossWithMore bytesWithMore lossWithLess bytesWithLess", Names(effect));
        Assert.Equal("device", effect.GetProperty("limit").GetString());
        Assert.True(effect.GetProperty("binds").GetBoolean());
        Assert.True(effect.GetProperty("lossWithMore").GetDouble() <= result.GetProperty("predictedLoss").GetDouble());
        Assert.Equal(tool.PlanRun.Output, ToolFixture.Run("explain", tool.Plan, "--profile", tool.Profile, "--json").Output);
        Assert.Equal(JsonValueKind.Null, ToolFixture.Run("explain", tool.Plan, "--json").Json().GetProperty("effects").ValueKind);
    }

    [Fact]
    public void Plan_with_a_machine()
    {
        JsonElement result = ToolFixture.Run(
            "plan", tool.Profile, "--context", "256", "--machine", "t4", "--goal", "fewest-bytes", "--loss", "0.5", "--batch", "2", "--out", tool.PathOf("timed.json"), "--json").Json();
        Assert.Equal("total weights attention fetches waiting", Names(result.GetProperty("time")));
        Assert.Equal("NVIDIA T4", result.GetProperty("target").GetProperty("machine").GetString());
        Assert.Equal("fewestBytes", result.GetProperty("goal").GetString());
        Assert.Equal(2, result.GetProperty("batch").GetInt32());
        Assert.InRange(result.GetProperty("predictedLoss").GetDouble(), 0, 0.5);
    }

    [Fact]
    public void Compare()
    {
        JsonElement result = ToolFixture.Run("compare", tool.Profile, "--vram", "50%", "--context", "256", "--json").Json();
        Assert.Equal("profile model context prefillChunk target fullBytes optimum baselines bestFitting", Names(result));
        Assert.Equal("deviceBytes hostBytes stepSeconds loss machine", Names(result.GetProperty("target")));
        Assert.Equal("deviceBytes share hostBytes loss layersByMode", Names(result.GetProperty("optimum")));
        Assert.Equal("name source deviceBytes share hostBytes loss fits optimumLoss unmeasuredLayers", Names(result.GetProperty("baselines")[0]));
        Assert.Equal("name loss overOptimum", Names(result.GetProperty("bestFitting")));
        Assert.Equal(JsonValueKind.Null, ToolFixture.Run("compare", tool.Profile, "--vram", "50%", "--host", "1MiB", "--context", "256", "--json").Json()
            .GetProperty("baselines").EnumerateArray().First(row => row.GetProperty("name").GetString() == "q4_0").GetProperty("loss").ValueKind);
    }

    [Fact]
    public void Frontier()
    {
        string page = tool.PathOf("shape.html");
        JsonElement result = ToolFixture.Run("frontier", tool.Profile, "--context", $"{ToolFixture.Context}", "--points", "4", "--html", page, "--json").Json();
        Assert.Equal("profile model context prefillChunk fullCacheBytes measured points references page", Names(result));
        Assert.Equal("context tail windows text derivedFrom", Names(result.GetProperty("measured")));
        JsonElement point = result.GetProperty("points")[0];
        Assert.Equal("cache device host predictedLoss predictedLossError secondsPerToken layersByMode layers command", Names(point));
        JsonElement plan = tool.PlanRun.Json();
        foreach (string member in new[] { "cache", "device", "host" })
            Assert.Equal(Names(plan.GetProperty(member)), Names(point.GetProperty(member)));
        Assert.Equal(Names(plan.GetProperty("layers")[0]), Names(point.GetProperty("layers")[0]));
        Assert.Equal("name deviceBytes predictedLoss", Names(result.GetProperty("references")[0]));
        Assert.Equal(page, result.GetProperty("page").GetString());
        double[] losses = [.. result.GetProperty("points").EnumerateArray().Select(other => other.GetProperty("predictedLoss").GetDouble())];
        Assert.Equal(losses.OrderDescending(), losses);
    }

    [Fact]
    public void Report()
    {
        foreach ((string source, string kind) in new[] { (tool.Profile, "profile"), (tool.Plan, "plan") })
        {
            string page = tool.PathOf($"{kind}.html");
            JsonElement result = ToolFixture.Run("report", source, "--out", page, "--json").Json();
            Assert.Equal("report source kind model", Names(result));
            Assert.Equal((page, source, kind, "tiny-recall"), (Text(result, "report"), Text(result, "source"), Text(result, "kind"), Text(result, "model")));
            Assert.StartsWith("<!DOCTYPE html>", File.ReadAllText(page), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Verify()
    {
        string tasks = tool.PathOf("tasks.jsonl");
        File.WriteAllLines(tasks, [""" {"context": "And it came to pass", "choices": [" in the days", " 777"], "answer": 0} """, """{"context": "Thus they could", "answer": " 777"}"""]);
        JsonElement result = ToolFixture.Run(
            "verify", ToolFixture.Model, tool.Plan, "--tail", "8", "--windows", "1", "--passages", "2", "--tasks", tasks, "--tasks", tasks, "--needle-depths", "0,90", "--needle-keys", "1,3", "--json").Json();
        Assert.Equal("plan text context judgedTokens device host loss secondsPerToken hostBytesPerStep topAgreement perplexity accuracy tokensPerSecond needles needleCells tasks passed", Names(result));
        foreach (string memory in new[] { "device", "host" })
        {
            Assert.Equal("predictedBytes measuredBytes", Names(result.GetProperty(memory)));
            Assert.Equal(result.GetProperty(memory).GetProperty("predictedBytes").GetInt64(), result.GetProperty(memory).GetProperty("measuredBytes").GetInt64());
        }

        Assert.Equal("predicted predictedError measured measuredError agreement", Names(result.GetProperty("loss")));
        Assert.Equal("predicted measured", Names(result.GetProperty("secondsPerToken")));
        Assert.Equal("plan full", Names(result.GetProperty("perplexity")));
        Assert.Equal("plan full", Names(result.GetProperty("accuracy")));
        Assert.Equal(2, result.GetProperty("tasks").GetArrayLength());
        Assert.Equal("file tasks plan full", Names(result.GetProperty("tasks")[0]));
        Assert.Equal((tasks, 2, 1), (Text(result.GetProperty("tasks")[1], "file"), Count(result.GetProperty("tasks")[1], "tasks"), Count(result.GetProperty("tasks")[1], "full")));
        JsonElement[] cells = [.. result.GetProperty("needleCells").EnumerateArray()];
        Assert.Equal("length keys depth passages plan full", Names(cells[0]));
        Assert.Equal([(1, 0), (1, 90), (3, 0), (3, 90)], cells.Select(cell => (Count(cell, "keys"), Count(cell, "depth"))));
        Assert.All(cells, cell => Assert.Equal((ToolFixture.Context, 2), (Count(cell, "length"), Count(cell, "passages"))));
        Assert.Equal("plan full", Names(result.GetProperty("tokensPerSecond")));
        Assert.Equal("passages plan full", Names(result.GetProperty("needles")));
        Assert.True(result.GetProperty("passed").GetBoolean());
    }

    [Fact]
    public void Run()
    {
        JsonElement result = ToolFixture.Run("run", ToolFixture.Model, "--plan", tool.Plan, "--prompt", "In the beginning", "--max-tokens", "5", "--json").Json();
        Assert.Equal("text stop context promptTokens generatedTokens prefillTokensPerSecond decodeTokensPerSecond deviceBytes hostBytes residentBytes turns remarks", Names(result));
        Assert.Equal("text stop promptTokens keptTokens generatedTokens prefillTokensPerSecond decodeTokensPerSecond", Names(result.GetProperty("turns")[0]));
        Assert.Equal(ToolFixture.Context, result.GetProperty("context").GetInt32());
        Assert.Equal(5, result.GetProperty("generatedTokens").GetInt32());
        Assert.NotEqual("", result.GetProperty("text").GetString());
    }

    [Fact]
    public void Bench()
    {
        const string Phase = "tokensPerSecond secondsPerToken";
        string[] bench = ["bench", ToolFixture.Model, "--warm-up", "0", "--repetitions", "2", "--json"];
        JsonElement result = ToolFixture.Run([.. bench, "--plan", tool.Plan, "--depth", "100", "--prompt", "20", "--gen", "4"]).Json();
        Assert.Equal(
            "model plan context depth promptTokens generatedTokens repetitions seed device threads prefillTokensPerSecond decodeTokensPerSecond secondsPerToken prefill decode bytesPerToken readBytesPerSecond bandwidthShare",
            Names(result));
        foreach (string phase in new[] { "prefill", "decode" })
        {
            Assert.Equal(Phase, Names(result.GetProperty(phase)));
            JsonElement speeds = result.GetProperty(phase).GetProperty("tokensPerSecond");
            Assert.Equal("median least most", Names(speeds));
            Assert.Equal(result.GetProperty($"{phase}TokensPerSecond").GetDouble(), speeds.GetProperty("median").GetDouble());
            Assert.True(speeds.GetProperty("least").GetDouble() <= speeds.GetProperty("most").GetDouble());
            JsonElement parts = result.GetProperty(phase).GetProperty("secondsPerToken");
            Assert.Equal("total projections attention feedForward outputHead rest", Names(parts));
            double[] seconds = [.. parts.EnumerateObject().Select(part => part.Value.GetDouble())];
            Assert.All(seconds, part => Assert.True(part >= 0));
            Assert.Equal(seconds[0], seconds[1..].Sum(), seconds[0] * 1e-9);
        }

        JsonElement reads = result.GetProperty("bytesPerToken");
        Assert.Equal("total weights cache host", Names(reads));
        Assert.Equal(reads.GetProperty("total").GetInt64(), reads.EnumerateObject().Skip(1).Sum(part => part.Value.GetInt64()));
        Assert.Equal((ToolFixture.Context, 100), (result.GetProperty("context").GetInt32(), result.GetProperty("depth").GetInt32()));

        JsonElement decode = ToolFixture.Run([.. bench, "--prompt", "0", "--gen", "4"]).Json();
        Assert.Equal((1, 13), (decode.GetProperty("depth").GetInt32(), decode.GetProperty("context").GetInt32()));
        foreach (string member in new[] { "plan", "prefill", "prefillTokensPerSecond" })
            Assert.Equal(JsonValueKind.Null, decode.GetProperty(member).ValueKind);
        JsonElement prefill = ToolFixture.Run([.. bench, "--prompt", "20", "--gen", "0"]).Json();
        foreach (string member in new[] { "decode", "decodeTokensPerSecond", "secondsPerToken", "bandwidthShare" })
            Assert.Equal(JsonValueKind.Null, prefill.GetProperty(member).ValueKind);
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
        Assert.Equal("model reference tolerance tensors skipped passed remarks", Names(result));
        Assert.Equal("name elements absolute relative passed", Names(result.GetProperty("tensors")[0]));
        Assert.Equal(1, ToolFixture.Run("doctor", ToolFixture.Model, "--reference", reference, "--tolerance", "0").ExitCode);
    }

    [Fact]
    public void Hardware()
    {
        const string Machine = "machine name source deviceBytes hostBytes deviceBytesPerSecond linkBytesPerSecond linkSeconds overlapsTransfers kernels";
        JsonElement list = ToolFixture.Run("hardware", "list", "--json").Json();
        Assert.Equal("machines", Names(list));
        Assert.Equal(Machine, Names(list.GetProperty("machines")[0]));
        JsonElement shown = ToolFixture.Run("hardware", "show", "h100", "--json").Json();
        Assert.Equal(Machine, Names(shown));
        Assert.Equal($"weights {string.Join(' ', LayerPolicy.Kinds)}", Names(shown.GetProperty("kernels")));
        Assert.Equal("seconds multiplyAddsPerSecond", Names(shown.GetProperty("kernels").GetProperty("refined")));

        string path = tool.PathOf("machine.json");
        JsonElement measured = ToolFixture.Run("hardware", "measure", "--context", "256", "--repetitions", "1", "--warm-up", "0", "--out", path, "--json").Json();
        Assert.Equal(Machine, Names(measured));
        Assert.Equal(path, measured.GetProperty("machine").GetString());
        Assert.Equal(measured.GetRawText(), ToolFixture.Run("hardware", "show", path, "--json").Json().GetRawText());
    }

    private static int Count(JsonElement element, string member) => element.GetProperty(member).GetInt32();

    private static string? Text(JsonElement element, string member) => element.GetProperty(member).GetString();

    private static string Names(JsonElement element) => string.Join(" ", element.EnumerateObject().Select(member => member.Name));
}
