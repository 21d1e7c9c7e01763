using FsCheck;
using FsCheck.Xunit;
using TailorKV.Planner;
using TailorKV.Runtime.Tokenizers;

namespace TailorKV.Runtime.Tests.Tokenizers;

public class GgufTokenizerTests
{
    private const int Normal = 1, Unknown = 2, Control = 3, UserDefined = 4, Byte = 6;

    [Fact]
    public void SentencePiece_merges_the_greatest_score_first_and_falls_back_to_bytes()
    {
        Tokenizer tokenizer = Tokenizer.FromGguf(SentencePiece(), "model.gguf");
        Assert.Equal([Id("▁"), Id("ab"), Id("c")], tokenizer.Encode("abc"));
        Assert.Equal([Id("▁"), .. "\u00e9"u8.ToArray().Select(value => Id($"<0x{value:X2}>"))], tokenizer.Encode("\u00e9"));
        Assert.Equal([Id("<s>"), Id("▁"), Id("c")], tokenizer.EncodePrompt("c"));
        Assert.Equal([Id("<s>"), Id("▁"), Id("c"), Id("</s>"), Id("▁"), Id("c")], tokenizer.EncodePrompt("<s>c</s>c"));
        Assert.Equal("<s>c</s>c", tokenizer.Decode([.. tokenizer.Encode("<s>c</s>c")]));
        Assert.Equal(" c", new TokenStream(tokenizer).Append(Id("▁")) + new TokenStream(tokenizer).Append(Id("c")));
        Assert.Equal(Id("</s>"), tokenizer.EndToken);
    }

    [Fact]
    public void SentencePiece_text_never_merges_into_a_control_token()
    {
        IReadOnlyList<int> ids = Tokenizer.FromGguf(SentencePiece(), "model.gguf").Encode("<s>", parseSpecial: false);
        Assert.Equal([Id("▁"), Id("<s"), Id(">")], ids);
    }

    [Property]
    public void SentencePiece_decoding_inverts_encoding(Pick[] parts)
    {
        Tokenizer tokenizer = Tokenizer.FromGguf(SentencePiece(), "model.gguf");
        string[] all = ["a", "b", "c", " ", "\u00e9", "\U0001F600", "<s>", "\n", "<tool>"];
        string text = string.Concat(parts.Select(part => part.Of(all)));
        Assert.Equal(text, tokenizer.Decode([.. tokenizer.Encode(text)]));
    }

    [Theory]
    [InlineData("gpt-2", "llama3", false)]
    [InlineData("gpt-2", "gpt2", true)]
    [InlineData("llama-bpe", "llama3", true)]
    [InlineData("qwen2", "qwen2-nfc", true)]
    [InlineData("smollm", "smollm", true)]
    [InlineData("tekken", "tekken", true)]
    public void Byte_level_splits_as_the_json_of_the_same_name(string pre, string json, bool equal)
    {
        Tokenizer expected = SmallTokenizer.Load(json);
        Tokenizer tokenizer = Tokenizer.FromGguf(ByteLevel(pre), "model.gguf");
        string[] texts = [.. SmallTokenizer.Texts.Where(text => !text.Contains("<tool>", StringComparison.Ordinal) && !text.Contains("wd", StringComparison.Ordinal)
            && !text.Contains("<n", StringComparison.Ordinal))];
        Assert.Equal(equal, texts.All(text => expected.Encode(text).SequenceEqual(tokenizer.Encode(text))));
        Assert.Equal(pre == "llama-bpe", tokenizer.AddsBeginToken);
    }

    [Theory]
    [InlineData(PreTokenizer.Gpt4o, new[] { "get", "HTTP", " isn't", " ", "123", "45", "/\n", "\u00c9t", "\u00c9" })]
    [InlineData(PreTokenizer.Tekken, new[] { "get", "HTTP", " isn", "'t", " ", "1", "2", "3", "4", "5", "/\n", "\u00c9t", "\u00c9" })]
    public void Capitals_begin_words(string pattern, string[] expected)
    {
        var words = new List<string>();
        new PreTokenizer([new PatternSplitter(pattern, SplitBehavior.Isolated, "model.gguf")], addsPrefixSpace: false, last: null)
            .Split("getHTTP isn't 12345/\n\u00c9t\u00c9", startsText: true, word => words.Add(word.ToString()));
        Assert.Equal(expected, words);
    }

    [Theory]
    [InlineData("tokenizer.ggml.pre", "gemma4")]
    [InlineData("tokenizer.ggml.model", "t5")]
    public void What_is_not_supported_is_named(string key, string value)
    {
        Dictionary<string, object> metadata = ByteLevel("gpt-2");
        metadata[key] = value;
        Assert.Contains(value, Assert.Throws<UnsupportedModelException>(() => Tokenizer.FromGguf(metadata, "model.gguf")).Message, StringComparison.Ordinal);
    }

    [Property]
    public void Values_of_other_types_or_lengths_give_a_tokenizer_or_a_named_error(bool sentencePiece, Pick keyOf, Pick valueOf)
    {
        object?[] values =
            [null, 1u, -1, uint.MaxValue, ulong.MaxValue, 1.5f, true, "x", Array.Empty<string>(), new[] { "a" }, new[] { 1 }, new[] { float.NaN }, new float[262], new int[262]];
        Dictionary<string, object> metadata = sentencePiece ? SentencePiece() : ByteLevel("gpt-2");
        metadata = With(metadata, keyOf.Of([.. metadata.Keys]), valueOf.Of(values));
        try
        {
            Tokenizer tokenizer = Tokenizer.FromGguf(metadata, "model.gguf");
            tokenizer.Decode([.. tokenizer.EncodePrompt("ab <s> \U0001F600")]);
        }
        catch (TailorKVException error)
        {
            Assert.Contains("model.gguf", error.Message, StringComparison.Ordinal);
        }
    }

    private static int Id(string text) => Array.IndexOf((string[])SentencePiece()["tokenizer.ggml.tokens"], text);

    private static Dictionary<string, object> SentencePiece()
    {
        string[] bytes = [.. Enumerable.Range(0, 256).Select(value => $"<0x{value:X2}>")];
        string[] entries = ["▁", "a", "b", "c", "ab", "bc", "▁a", "<", "s", ">", "<s"];
        float[] scores = [-9, -9, -9, -9, -1, -2, -3, -9, -9, -9, -4];
        return new Dictionary<string, object>
        {
            ["tokenizer.ggml.model"] = "llama",
            ["tokenizer.ggml.tokens"] = (string[])["<unk>", "<s>", "</s>", "<tool>", .. bytes, .. entries],
            ["tokenizer.ggml.scores"] = (float[])[0, 0, 0, 0, .. new float[256], .. scores],
            ["tokenizer.ggml.token_type"] = (int[])[Unknown, Control, Control, UserDefined, .. bytes.Select(_ => Byte), .. entries.Select(_ => Normal)],
            ["tokenizer.ggml.bos_token_id"] = 1u,
            ["tokenizer.ggml.eos_token_id"] = 2u,
            ["tokenizer.ggml.unknown_token_id"] = 0u,
            ["tokenizer.ggml.padding_token_id"] = uint.MaxValue,
        };
    }

    private static Dictionary<string, object> ByteLevel(string pre)
    {
        var model = SmallTokenizer.Json("gpt2")["model"]!;
        string[] tokens = [.. model["vocab"]!.AsObject().OrderBy(pair => pair.Value!.GetValue<int>()).Select(pair => pair.Key)];
        return new Dictionary<string, object>
        {
            ["tokenizer.ggml.model"] = "gpt2",
            ["tokenizer.ggml.pre"] = pre,
            ["tokenizer.ggml.tokens"] = tokens,
            ["tokenizer.ggml.token_type"] = (int[])[.. tokens.Select(token => token == "<|end|>" ? Control : Normal)],
            ["tokenizer.ggml.merges"] = (string[])[.. model["merges"]!.AsArray().Select(merge => merge!.GetValue<string>())],
            ["tokenizer.ggml.bos_token_id"] = (uint)Array.IndexOf(tokens, "<|end|>"),
            ["tokenizer.ggml.eos_token_id"] = (uint)Array.IndexOf(tokens, "<|end|>"),
        };
    }

    private static Dictionary<string, object> With(Dictionary<string, object> metadata, string key, object? value)
    {
        metadata.Remove(key);
        if (value is not null)
            metadata[key] = value;
        return metadata;
    }
}
