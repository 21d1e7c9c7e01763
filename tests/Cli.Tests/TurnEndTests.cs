using System.Text.Json;
using System.Text.Json.Nodes;

namespace TailorKV.Cli.Tests;

public sealed class TurnEndTests : IDisposable
{
    private const string Prompt = "And it came to pass";
    private readonly string _folder = Directory.CreateTempSubdirectory("tailorkv").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    /// <summary>A copy of tiny-recall in which a token that it says is called <c>&lt;|im_end|&gt;</c>; its files name another one as the end.</summary>
    [Fact]
    public void A_token_known_by_its_text_ends_a_run_unless_it_is_raw()
    {
        foreach (string file in Directory.GetFiles(ToolFixture.Model))
            File.Copy(file, Path.Combine(_folder, Path.GetFileName(file)));
        string[] said = [.. Enumerable.Range(1, 6).Select(count => Generate(ToolFixture.Model, count).GetProperty("text").GetString()!)];
        string path = Path.Combine(_folder, "tokenizer.json");
        JsonNode json = JsonNode.Parse(File.ReadAllText(path))!;
        JsonObject vocabulary = json["model"]!["vocab"]!.AsObject();
        int step = Enumerable.Range(1, 5).First(i => !Prompt.Contains(said[i][said[i - 1].Length..].Trim(), StringComparison.Ordinal));
        string entry = said[step][said[step - 1].Length..].Replace(' ', '\u0120');
        int id = vocabulary[entry]!.GetValue<int>();
        vocabulary.Remove(entry);
        vocabulary["<|im_end|>"] = id;
        json["added_tokens"]!.AsArray().Add(new JsonObject { ["id"] = id, ["content"] = "<|im_end|>", ["special"] = true });
        JsonArray merges = json["model"]!["merges"]!.AsArray();
        foreach (JsonNode? merge in merges.Where(merge => Parts(merge!) is var (left, right) && (left == entry || right == entry || left + right == entry)).ToArray())
            merges.Remove(merge);
        File.WriteAllText(path, json.ToJsonString());

        JsonElement run = Generate(_folder, 6);
        Assert.Equal("endToken", run.GetProperty("stop").GetString());
        Assert.Equal(step, run.GetProperty("generatedTokens").GetInt32());
        Assert.Equal(said[step - 1], run.GetProperty("text").GetString());
        JsonElement raw = Generate(_folder, 6, "--raw");
        Assert.Equal("maxTokens", raw.GetProperty("stop").GetString());
        Assert.Equal(6, raw.GetProperty("generatedTokens").GetInt32());
    }

    private static (string Left, string Right) Parts(JsonNode merge) => merge is JsonArray pair
        ? (pair[0]!.GetValue<string>(), pair[1]!.GetValue<string>())
        : (merge.GetValue<string>().Split(' ')[0], merge.GetValue<string>().Split(' ')[1]);

    private static JsonElement Generate(string model, int count, params string[] more) =>
        ToolFixture.Run(["run", model, "--prompt", Prompt, "--max-tokens", $"{count}", "--json", .. more]).Json();
}
