using System.Text.Json;
using System.Text.Json.Nodes;
using TailorKV.Runtime.Tokenizers;

namespace TailorKV.Runtime.Tests.Tokenizers;

public class TurnEndTests
{
    private const int Normal = 1, Control = 3, UserDefined = 4;

    [Theory]
    [InlineData("<|im_end|>")]
    [InlineData("<|eot_id|>")]
    [InlineData("<|eom_id|>")]
    [InlineData("<end_of_turn>")]
    [InlineData("<|end|>")]
    [InlineData("<|endoftext|>")]
    [InlineData("</s>")]
    [InlineData("<|end_of_text|>")]
    [InlineData("<\uFF5Cend\u2581of\u2581sentence\uFF5C>")]
    [InlineData("<|return|>")]
    public void A_control_token_that_says_so_ends_a_turn(string text)
    {
        Tokenizer tokenizer = Gguf([("a", Normal), ("<|eos|>", Control), (text, Control)], ("eos_token_id", 1u));
        Assert.Equal([1], tokenizer.EndTokens);
        Assert.Equal([1, 2], tokenizer.TurnEndTokens);
    }

    [Fact]
    public void Text_that_only_looks_so_does_not() =>
        Assert.Equal([2], Gguf([("</s>", Normal), ("<|im_end|>", UserDefined), ("<|eos|>", Control)], ("eos_token_id", 2u)).TurnEndTokens);

    [Fact]
    public void Ids_of_the_file_all_end_a_text_and_a_turn()
    {
        Tokenizer tokenizer = Gguf(
            [("a", Normal), ("<|eos|>", Control), ("<|x|>", Control), ("<|y|>", Control)], ("eos_token_id", 1u), ("eot_token_id", 3u), ("eom_token_id", 2u));
        Assert.Equal([1, 3, 2], tokenizer.EndTokens);
        Assert.Equal([1, 3, 2], tokenizer.TurnEndTokens);
    }

    [Fact]
    public void A_message_within_a_turn_does_not_end_it()
    {
        (string, int)[] tokens = [("a", Normal), ("<|end|>", Control), ("<|return|>", Control)];
        Assert.Equal([2], Gguf(tokens).TurnEndTokens);
        Assert.Equal([1, 2], Gguf(tokens, ("eos_token_id", 1u)).TurnEndTokens);
    }

    [Fact]
    public void Special_tokens_of_a_folder_count_too()
    {
        JsonObject json = SmallTokenizer.Json("llama3");
        int next = SmallTokenizer.Load("llama3").VocabularySize;
        json["added_tokens"]!.AsArray().Add(JsonNode.Parse($$"""{"id": {{next}}, "content": "<|eot_id|>", "special": true}"""));
        json["added_tokens"]!.AsArray().Add(JsonNode.Parse($$"""{"id": {{next + 1}}, "content": "</s>", "special": false}"""));
        Tokenizer tokenizer = SmallTokenizer.Load(JsonSerializer.SerializeToUtf8Bytes(json), ("generation_config.json", """{"eos_token_id": [7, 5]}"""));
        Assert.Equal([7, 5], tokenizer.EndTokens);
        Assert.Contains(next, tokenizer.TurnEndTokens);
        Assert.DoesNotContain(next + 1, tokenizer.TurnEndTokens);
    }

    private static Tokenizer Gguf((string Text, int Type)[] tokens, params (string Key, uint Id)[] ids)
    {
        var metadata = new Dictionary<string, object>
        {
            ["tokenizer.ggml.model"] = "gpt2",
            ["tokenizer.ggml.pre"] = "gpt-2",
            ["tokenizer.ggml.tokens"] = tokens.Select(token => token.Text).ToArray(),
            ["tokenizer.ggml.token_type"] = tokens.Select(token => token.Type).ToArray(),
            ["tokenizer.ggml.merges"] = Array.Empty<string>(),
        };
        foreach ((string key, uint id) in ids)
            metadata["tokenizer.ggml." + key] = id;
        return Tokenizer.FromGguf(metadata, "model.gguf");
    }
}
