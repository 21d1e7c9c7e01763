using System.Text.Json;
using System.Text.Json.Nodes;
using TailorKV.Runtime.Tokenizers;
using TailorKV.Tests;

namespace TailorKV.Runtime.Tests.Tokenizers;

/// <summary>Tokenizers of the fixture byte-level.json, whose ids the tokenizers library computed.</summary>
internal static class SmallTokenizer
{
    private static readonly JsonObject Fixture = JsonNode.Parse(File.ReadAllText(FixturePath()))!.AsObject();

    public static IReadOnlyList<string> Names => [.. Cases.Select(item => item["name"]!.GetValue<string>())];

    public static string[] Texts => Fixture["texts"].Deserialize<string[]>()!;

    private static IEnumerable<JsonObject> Cases => Fixture["cases"]!.AsArray().Select(item => item!.AsObject());

    public static int[][] Ids(string name) => Case(name)["ids"].Deserialize<int[][]>()!;

    /// <summary>The tokenizer.json of a case.</summary>
    public static JsonObject Json(string name)
    {
        JsonObject item = Case(name).DeepClone().AsObject();
        JsonObject model = Fixture["model"]!.DeepClone().AsObject();
        model["ignore_merges"] = item["ignore_merges"]!.GetValue<bool>();
        return new JsonObject
        {
            ["added_tokens"] = item["added_tokens"]!.DeepClone(),
            ["normalizer"] = item["normalizer"]?.DeepClone(),
            ["pre_tokenizer"] = item["pre_tokenizer"]!.DeepClone(),
            ["post_processor"] = null,
            ["model"] = model,
        };
    }

    public static Tokenizer Load(string name) => Load(JsonSerializer.SerializeToUtf8Bytes(Json(name)));

    /// <summary>Loads a tokenizer.json, with other files beside it.</summary>
    public static Tokenizer Load(byte[] json, params (string Name, string Content)[] beside)
    {
        string folder = Directory.CreateTempSubdirectory().FullName;
        try
        {
            string path = Path.Combine(folder, "tokenizer.json");
            File.WriteAllBytes(path, json);
            foreach ((string name, string content) in beside)
                File.WriteAllText(Path.Combine(folder, name), content);
            return Tokenizer.FromJson(path);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static JsonObject Case(string name) => Cases.Single(item => item["name"]!.GetValue<string>() == name);

    private static string FixturePath() => Path.Combine(SharedData.Root, "tests", "Runtime.Tests", "Tokenizers", "Fixtures", "byte-level.json");
}
