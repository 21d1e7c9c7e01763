using System.Text.Json;
using TailorKV.Runtime.Tokenizers;
using TailorKV.Tests;

namespace TailorKV.Runtime.Tests.Tokenizers;

public class TokenizerJsonTests
{
    [Fact]
    public void SmolLM2_encodings_equal_the_tokenizers_library()
    {
        Tokenizer tokenizer = Tokenizer.FromJson(SharedData.Require("fixtures/tokenizers/smollm2/tokenizer.json"));
        using JsonDocument document = JsonDocument.Parse(File.ReadAllText(SharedData.Require("fixtures/tokenizers/smollm2/encodings.json")));
        Assert.NotEqual(0, document.RootElement.GetArrayLength());
        foreach (JsonElement item in document.RootElement.EnumerateArray())
        {
            string text = item.GetProperty("text").GetString()!;
            int[] expected = [.. item.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())];
            Assert.Equal(expected, tokenizer.Encode(text));
            Assert.Equal(text, tokenizer.Decode(expected));
        }
    }

    [Fact]
    public void SmolLM2_chat_and_prompts_have_the_reference_ids()
    {
        Tokenizer tokenizer = Tokenizer.FromJson(SharedData.Require("fixtures/tokenizers/smollm2/tokenizer.json"));
        using JsonDocument document = JsonDocument.Parse(File.ReadAllText(SharedData.Require("models/SmolLM2-135M-Instruct/reference.json")));
        foreach (JsonElement item in document.RootElement.GetProperty("greedy").EnumerateArray())
        {
            if (item.GetProperty("prompt_ids").ValueKind == JsonValueKind.Null)
                continue;
            int[] expected = [.. item.GetProperty("prompt_ids").EnumerateArray().Select(id => id.GetInt32())];
            Assert.Equal(expected, tokenizer.EncodePrompt(item.GetProperty("prompt").GetString()!));
            int[] continuation = [.. item.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())];
            Assert.Equal(item.GetProperty("text").GetString(), tokenizer.Decode(continuation));
        }
    }

    [Fact]
    public void Tiny_recall_round_trips_its_text()
    {
        Tokenizer tokenizer = Tokenizer.FromJson(Path.Combine(SharedData.Root, "models", "tiny-recall", "tokenizer.json"));
        string text = File.ReadAllText(Path.Combine(SharedData.Root, "models", "tiny-recall", "text.txt"));
        IReadOnlyList<int> ids = tokenizer.Encode(text);
        Assert.InRange(ids.Count, 1, text.Length / 2);
        Assert.Equal(text, tokenizer.Decode([.. ids]));
        Assert.Equal([0, .. ids.Take(9)], tokenizer.EncodePrompt(text).Take(10));
        Assert.Equal(1024, tokenizer.VocabularySize);
    }
}
