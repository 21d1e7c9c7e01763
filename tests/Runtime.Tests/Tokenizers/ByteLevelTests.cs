using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using FsCheck;
using FsCheck.Xunit;
using TailorKV.Planner;
using TailorKV.Runtime.Tokenizers;
using TailorKV.Runtime.Tokenizers.Unicode;

namespace TailorKV.Runtime.Tests.Tokenizers;

public class ByteLevelTests
{
    public static TheoryData<string> Names => [.. SmallTokenizer.Names];

    [Theory]
    [MemberData(nameof(Names))]
    public void Ids_equal_the_tokenizers_library(string name)
    {
        Tokenizer tokenizer = SmallTokenizer.Load(name);
        int[][] expected = SmallTokenizer.Ids(name);
        string[] texts = SmallTokenizer.Texts;
        for (int i = 0; i < texts.Length; i++)
            Assert.True(expected[i].SequenceEqual(tokenizer.Encode(texts[i])), $"{name}: {JsonSerializer.Serialize(texts[i])}");
    }

    private static readonly Tokenizer[] WithoutAddedTokens = [.. new[] { "gpt2", "llama3", "tekken" }.Select(name =>
    {
        JsonObject json = SmallTokenizer.Json(name);
        json["added_tokens"] = new JsonArray();
        return SmallTokenizer.Load(JsonSerializer.SerializeToUtf8Bytes(json));
    })];

    [Property]
    public void Decoding_inverts_encoding(Rune[] runes)
    {
        string text = string.Concat(runes);
        foreach (Tokenizer tokenizer in WithoutAddedTokens)
        {
            int[] ids = [.. tokenizer.Encode(text)];
            var stream = new TokenStream(tokenizer);
            Assert.Equal(text, tokenizer.Decode(ids));
            Assert.Equal(text, string.Concat(ids.Select(stream.Append)) + stream.Finish());
        }
    }

    [Fact]
    public void An_unpaired_surrogate_counts_as_the_replacement_character()
    {
        Tokenizer tokenizer = SmallTokenizer.Load("gpt2");
        Assert.Equal("a\uFFFDb", tokenizer.Decode([.. tokenizer.Encode("a\uD83Db")]));
    }

    [Fact]
    public void A_stream_gives_a_character_when_its_last_byte_comes()
    {
        Tokenizer tokenizer = SmallTokenizer.Load("gpt2");
        IReadOnlyList<int> ids = tokenizer.Encode("\U0001F47B");
        Assert.True(ids.Count > 1);
        var stream = new TokenStream(tokenizer);
        Assert.All(ids.SkipLast(1), id => Assert.Empty(stream.Append(id)));
        Assert.Equal("\U0001F47B", stream.Append(ids[^1]));
        stream.Append(ids[0]);
        Assert.Equal("\uFFFD", stream.Finish());
    }

    [Fact]
    public void Special_tokens_are_parsed_and_skipped_on_request()
    {
        Tokenizer tokenizer = SmallTokenizer.Load("llama3");
        IReadOnlyList<int> parsed = tokenizer.Encode("a<|end|>b");
        Assert.Equal(3, parsed.Count);
        Assert.True(tokenizer.IsSpecial(parsed[1]));
        Assert.Equal("ab", tokenizer.Decode([.. parsed], skipSpecial: true));
        IReadOnlyList<int> plain = tokenizer.Encode("a<|end|>b", parseSpecial: false);
        Assert.DoesNotContain(parsed[1], plain);
        Assert.Equal("a<|end|>b", tokenizer.Decode([.. plain], skipSpecial: true));
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(int.MaxValue)]
    public void An_id_outside_the_vocabulary_is_named(int id)
    {
        Tokenizer tokenizer = SmallTokenizer.Load("gpt2");
        Assert.Contains(id.ToString(CultureInfo.InvariantCulture), Assert.Throws<ArgumentOutOfRangeException>(() => tokenizer.Decode([id])).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => new TokenStream(tokenizer).Append(tokenizer.VocabularySize));
    }

    [Theory]
    [InlineData("a")]
    [InlineData(" ")]
    [InlineData("\U0001F600")]
    [InlineData("<|end|")]
    public void A_word_of_a_megabyte_is_no_matter(string part)
    {
        Tokenizer tokenizer = SmallTokenizer.Load("llama3");
        string text = string.Concat(Enumerable.Repeat(part, (1 << 20) / part.Length));
        IReadOnlyList<int> ids = tokenizer.Encode(text);
        Assert.Equal(text, tokenizer.Decode([.. ids]));
    }

    [Fact]
    public void Begin_and_end_tokens_come_from_the_files_beside_and_the_template()
    {
        JsonObject json = SmallTokenizer.Json("llama3");
        int end = SmallTokenizer.Load("llama3").Encode("<|end|>")[0];
        (string, string) tokenizerConfig = ("tokenizer_config.json", """{"bos_token": {"content": "<|end|>"}, "eos_token": "<tool>"}""");
        (string, string) generation = ("generation_config.json", $$"""{"eos_token_id": [{{end}}, 5]}""");
        Tokenizer plain = SmallTokenizer.Load(JsonSerializer.SerializeToUtf8Bytes(json), tokenizerConfig, generation);
        Assert.Equal(end, plain.BeginToken);
        Assert.Equal([plain.Encode("<tool>")[0], end, 5], plain.EndTokens);
        Assert.Equal(plain.Encode("x"), plain.EncodePrompt("x"));

        json["post_processor"] = JsonNode.Parse($$$"""
            {"type": "Sequence", "processors": [{"type": "ByteLevel"}, {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<|end|>", "type_id": 0}},
             {"Sequence": {"id": "A", "type_id": 0} }], "special_tokens": {"<|end|>": {"id": "<|end|>", "ids": [{{{end}}}], "tokens": ["<|end|>"] } } }] }
            """);
        Tokenizer templated = SmallTokenizer.Load(JsonSerializer.SerializeToUtf8Bytes(json));
        Assert.True(templated.AddsBeginToken);
        Assert.Equal([end, .. templated.Encode("x")], templated.EncodePrompt("x"));
        Assert.Equal([end, .. templated.Encode("x")], templated.EncodePrompt("<|end|>x"));
    }

    [Fact]
    public void A_pattern_that_backtracks_without_end_is_an_error()
    {
        JsonObject json = SmallTokenizer.Json("removed");
        json["pre_tokenizer"]!["pretokenizers"]![0]!["pattern"]!["Regex"] = @"(?=(a+)+\1b)";
        Tokenizer tokenizer = SmallTokenizer.Load(JsonSerializer.SerializeToUtf8Bytes(json));
        Assert.Contains("too long", Assert.Throws<InvalidFileException>(() => tokenizer.Encode(new string('a', 5000))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"normalizer": {"type": "Lowercase"}}""", "Lowercase")]
    [InlineData("""{"pre_tokenizer": {"type": "Whitespace"}}""", "Whitespace")]
    [InlineData("""{"pre_tokenizer": null}""", "decoder")]
    [InlineData("""{"post_processor": {"type": "OtherProcessing"}}""", "OtherProcessing")]
    [InlineData("""{"model": {"type": "Unigram", "vocab": {}, "merges": []}}""", "Unigram")]
    [InlineData("""{"model": {"type": "BPE", "dropout": 0.1, "vocab": {}, "merges": []}}""", "dropout")]
    public void What_is_not_supported_is_named(string change, string named)
    {
        JsonObject json = SmallTokenizer.Json("gpt2");
        foreach ((string name, JsonNode? value) in JsonNode.Parse(change)!.AsObject())
            json[name] = value?.DeepClone();
        var error = Assert.Throws<UnsupportedModelException>(() => SmallTokenizer.Load(JsonSerializer.SerializeToUtf8Bytes(json)));
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Representatives_have_the_category_they_stand_for() =>
        Assert.All(
            Enum.GetValues<UnicodeCategory>().Except([
                UnicodeCategory.SpaceSeparator, UnicodeCategory.LineSeparator, UnicodeCategory.ParagraphSeparator, UnicodeCategory.Control, UnicodeCategory.Surrogate]),
            category => Assert.Equal(category, char.GetUnicodeCategory(CodePointText.Representative(category))));
}
