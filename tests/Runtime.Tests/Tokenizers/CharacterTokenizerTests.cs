using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using FsCheck;
using FsCheck.Xunit;
using TailorKV.Planner;
using TailorKV.Runtime.Tokenizers;
using TailorKV.Tests;

namespace TailorKV.Runtime.Tests.Tokenizers;

/// <summary>Tokenizers whose entries are characters (Llama 2, Mistral and the like), compared with the tokenizers library.</summary>
public class CharacterTokenizerTests
{
    private static readonly JsonObject Fixture = JsonNode.Parse(
        File.ReadAllText(Path.Combine(SharedData.Root, "tests", "Runtime.Tests", "Tokenizers", "Fixtures", "characters.json")))!.AsObject();

    public static TheoryData<string> Names => [.. Cases.Select(item => item["name"]!.GetValue<string>())];

    private static IEnumerable<JsonNode> Cases => Fixture["cases"]!.AsArray().OfType<JsonNode>();

    private static string[] Texts => Fixture["texts"].Deserialize<string[]>()!;

    [Theory]
    [MemberData(nameof(Names))]
    public void Ids_and_texts_equal_the_tokenizers_library(string name) => Compare(name, Load(Json(name)), Cases.Single(item => item["name"]!.GetValue<string>() == name));

    [Fact]
    public void The_case_equals_the_tokenizers_library() =>
        Compare("case", Tokenizer.FromJson(SharedData.Require("cases/14-sentencepiece-tokenizer-json/model/tokenizer.json")), Fixture["case14"]!);

    [Fact]
    public void A_stream_that_goes_on_keeps_its_first_space()
    {
        Tokenizer tokenizer = Load(Json("llama2"));
        IReadOnlyList<int> ids = tokenizer.Encode("the LORD");
        Assert.Equal(" the LORD", Stream(tokenizer, ids, startsText: false));
        Assert.Equal("the LORD", Stream(tokenizer, ids, startsText: true));
    }

    [Fact]
    public void A_prompt_that_continues_has_no_tokens_after_it()
    {
        Tokenizer tokenizer = Load(Json("appends"));
        IReadOnlyList<int> ids = tokenizer.Encode("Hello");
        Assert.Equal([1, .. ids, 2], tokenizer.EncodePrompt("Hello"));
        Assert.Equal([1, .. ids, 2], tokenizer.EncodePrompt("<s>Hello</s>"));
        Assert.Equal([1, .. ids], tokenizer.EncodePrompt("Hello", continues: true));
        Assert.True(tokenizer.AddsBeginToken);
    }

    [Fact]
    public void The_flags_beside_replace_what_the_post_processor_says()
    {
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(Json("appends"));
        Tokenizer without = SmallTokenizer.Load(json, ("tokenizer_config.json", """{"add_bos_token": false, "add_eos_token": false, "eos_token": "</s>"}"""));
        Assert.Equal(without.Encode("Hello"), without.EncodePrompt("Hello"));
        Tokenizer with = SmallTokenizer.Load(
            JsonSerializer.SerializeToUtf8Bytes(Json("llama2")), ("tokenizer_config.json", """{"add_eos_token": true, "eos_token": {"content": "</s>"}}"""));
        Assert.Equal([1, .. with.Encode("Hello"), 2], with.EncodePrompt("Hello"));
    }

    [Theory]
    [InlineData("""{"decoder": {"type": "WordPiece"}}""", "WordPiece")]
    [InlineData("""{"decoder": null}""", "decoder")]
    [InlineData("""{"decoder": {"type": "Sequence", "decoders": [{"type": "Fuse"}, {"type": "Strip", "content": "x", "start": 1, "stop": 0}]}}""", "Strip")]
    [InlineData("""{"pre_tokenizer": {"type": "WhitespaceSplit"}}""", "WhitespaceSplit")]
    [InlineData("""{"pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Digits"}, {"type": "Metaspace"}]}}""", "Metaspace")]
    [InlineData("""{"normalizer": {"type": "NFKC"}}""", "NFKC")]
    [InlineData("""{"normalizer": {"type": "Replace", "pattern": {"Regex": "a+"}, "content": "b"}}""", "Regex")]
    [InlineData("""{"post_processor": {"type": "Sequence", "processors": [{"type": "BertProcessing", "sep": ["</s>", 2], "cls": ["<s>", 1]}, {"type": "RobertaProcessing"}]}}""", "RobertaProcessing")]
    public void What_is_not_supported_is_named(string change, string named)
    {
        JsonObject json = Json("llama2");
        foreach ((string name, JsonNode? value) in JsonNode.Parse(change)!.AsObject())
            json[name] = value?.DeepClone();
        Assert.Contains(named, Assert.Throws<UnsupportedModelException>(() => Load(json)).Message, StringComparison.Ordinal);
    }

    [Property]
    public void Decoding_inverts_encoding(NonNull<string> given, bool keepsFirstSpace)
    {
        JsonObject json = Json(keepsFirstSpace ? "gemma" : "llama2");
        json["added_tokens"] = new JsonArray();
        Tokenizer tokenizer = Load(json);
        // Unpaired surrogates become U+FFFD, and the sign of a space cannot be told from a space.
        string text = Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(given.Get)).Replace('\u2581', ' ');
        IReadOnlyList<int> ids = tokenizer.Encode(text);
        Assert.Equal(text, tokenizer.Decode([.. ids]));
        Assert.Equal(text, Stream(tokenizer, ids, startsText: true));
    }

    private static void Compare(string name, Tokenizer tokenizer, JsonNode expected)
    {
        var differences = new List<string>();
        JsonArray rows = expected["encoded"]!.AsArray();
        string[] texts = Texts;
        Assert.Equal(texts.Length, rows.Count);
        for (int i = 0; i < texts.Length; i++)
        {
            JsonArray row = rows[i]!.AsArray();
            int[] ids = row[0].Deserialize<int[]>()!;
            string decoded = row.Count > 1 ? row[1]!.GetValue<string>() : texts[i];
            Note(texts[i], ids, tokenizer.Encode(texts[i]));
            Note(decoded, decoded, tokenizer.Decode(ids));
            // The library forgets that a special token is one where the token is normalized; it stays special here.
            if (name != "normalized-specials")
                Note(decoded, row.Count > 2 ? row[2]!.GetValue<string>() : decoded, tokenizer.Decode(ids, skipSpecial: true));
            Note(decoded, decoded, Stream(tokenizer, ids, startsText: true));
        }
        int[][] random = Fixture["random"].Deserialize<int[][]>()!;
        string[] randomTexts = expected["decoded"].Deserialize<string[]>()!;
        for (int i = 0; i < random.Length; i++)
            Note(JsonSerializer.Serialize(random[i]), randomTexts[i], tokenizer.Decode([.. random[i].Where(id => id < tokenizer.VocabularySize)]));
        Note(
            "prompt",
            (int[])[.. expected["before"].Deserialize<int[]>()!, .. tokenizer.Encode("zz"), .. expected["after"].Deserialize<int[]>()!],
            tokenizer.EncodePrompt("zz"));
        Assert.True(differences.Count == 0, string.Join('\n', differences));

        void Note(string what, object wanted, object got)
        {
            (string a, string b) = (JsonSerializer.Serialize(wanted), JsonSerializer.Serialize(got));
            if (a != b)
                differences.Add($"{JsonSerializer.Serialize(what)}: expected {a}, got {b}");
        }
    }

    private static string Stream(Tokenizer tokenizer, IEnumerable<int> ids, bool startsText)
    {
        var stream = new TokenStream(tokenizer, startsText: startsText);
        return string.Concat(ids.Select(stream.Append)) + stream.Finish();
    }

    private static Tokenizer Load(JsonObject json) => SmallTokenizer.Load(JsonSerializer.SerializeToUtf8Bytes(json));

    /// <summary>The tokenizer.json of a case.</summary>
    private static JsonObject Json(string name)
    {
        JsonNode item = Cases.Single(item => item["name"]!.GetValue<string>() == name);
        string[] lacks = item["model"]!["lacks"]?.Deserialize<string[]>() ?? [];
        string[] entries = Fixture["vocabulary"].Deserialize<string[]>()!;
        var model = new JsonObject
        {
            ["type"] = "BPE",
            ["unk_token"] = "<unk>",
            ["byte_fallback"] = true,
            ["fuse_unk"] = true,
            ["vocab"] = new JsonObject(entries.Index().Select(entry =>
                KeyValuePair.Create(lacks.Contains(entry.Item) ? "lacks " + entry.Item : entry.Item, (JsonNode?)entry.Index))),
            ["merges"] = Fixture["merges"]!.DeepClone(),
        };
        foreach ((string key, JsonNode? value) in item["model"]!.AsObject().Where(member => member.Key != "lacks"))
            model[key] = value?.DeepClone();
        var json = new JsonObject { ["model"] = model };
        foreach (string part in (string[])["added_tokens", "normalizer", "pre_tokenizer", "decoder", "post_processor"])
            json[part] = item[part]?.DeepClone();
        return json;
    }
}
