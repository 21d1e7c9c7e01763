using System.Text.Json;
using System.Text.Json.Nodes;

namespace TailorKV.Cli.Tests;

/// <summary>What was chosen or passed over in reading a model is said once, on stderr, and in the JSON.</summary>
public sealed class RemarkTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("tailorkv").FullName;

    public RemarkTests()
    {
        foreach (string name in (string[])["model.safetensors", "tokenizer.json", "reference.safetensors"])
            File.Copy(Path.Combine(ToolFixture.Model, name), Path.Combine(_folder, name));
        JsonObject config = JsonNode.Parse(File.ReadAllText(Path.Combine(ToolFixture.Model, "config.json")))!.AsObject();
        config["eos_token_id"] = -1;
        config["made_by"] = "hand\u001b[2J";
        File.WriteAllText(Path.Combine(_folder, "config.json"), config.ToJsonString());
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Run_says_them_on_stderr_and_in_its_json()
    {
        string[] run = ["run", _folder, "--prompt", "And it came", "--raw", "--max-tokens", "2"];
        ToolRun plain = ToolFixture.Run(run);
        plain.Succeed();
        string[] lines = [.. plain.Error.Split('\n').Where(line => line.StartsWith("remark: ", StringComparison.Ordinal))];
        Assert.Equal(2, lines.Length);
        Assert.Contains("made_by", lines[0], StringComparison.Ordinal);
        Assert.Contains("eos_token_id is -1", lines[1], StringComparison.Ordinal);

        using var json = JsonDocument.Parse(ToolFixture.Run([.. run, "--json"]).Output);
        Assert.Equal(lines.Select(line => line["remark: ".Length..].TrimEnd()), json.RootElement.GetProperty("remarks").EnumerateArray().Select(remark => remark.GetString()));
    }

    [Fact]
    public void Doctor_says_those_of_the_model()
    {
        ToolRun run = ToolFixture.Run("doctor", _folder, "--reference", Path.Combine(_folder, "reference.safetensors"), "--tolerance", "0.002", "--json");
        using var json = JsonDocument.Parse(run.Output);
        Assert.Contains("made_by", Assert.Single(json.RootElement.GetProperty("remarks").EnumerateArray()).GetString(), StringComparison.Ordinal);
        Assert.Contains("remark: ", run.Error, StringComparison.Ordinal);
    }
}
