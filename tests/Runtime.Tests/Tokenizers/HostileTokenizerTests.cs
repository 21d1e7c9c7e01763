using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using FsCheck;
using FsCheck.Xunit;
using TailorKV.Planner;
using TailorKV.Runtime.Tokenizers;

namespace TailorKV.Runtime.Tests.Tokenizers;

public class HostileTokenizerTests
{
    private static readonly byte[] Original = JsonSerializer.SerializeToUtf8Bytes(SmallTokenizer.Json("llama3"));

    [Property]
    public void Flipped_bytes_and_truncation_give_a_tokenizer_or_a_named_error((Pick Position, byte Value)[] flips, Pick quarter, Pick length) => WorksOrIsRefused(
        Mutate(flips.Take(3).Select(flip => (flip.Position.Of(Original.Length), (int)flip.Value)), quarter.Of(4) < 3 ? Original.Length : length.Of(Original.Length + 1)));

    [Property]
    public void Values_replaced_or_removed_anywhere_give_a_tokenizer_or_a_named_error(Pick nameOf, Pick[] turns, Pick valueOf)
    {
        string?[] values = ["null", "true", "-1", "2147483648", "1e300", "0.5", "3", "\"\"", "\"a\"", "\"UNPAIRED\"", "[]", "{}", "[null]", "[\"a\",\"b\",\"c\"]", "{\"type\":\"BPE\"}", null];
        string name = nameOf.Of("llama3", "qwen2-nfc", "removed");
        int[] path = [.. turns.Take(8).Select(turn => turn.Value)];
        WorksOrIsRefused(Encoding.UTF8.GetBytes(Replace(SmallTokenizer.Json(name), path, valueOf.Of(values)).ToJsonString().Replace("UNPAIRED", @"\ud800", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("""{"vocab": {"a": 0, "b": 0}, "merges": []}""", "0 is both")]
    [InlineData("""{"vocab": {"a": 0, "a": 1}, "merges": []}""", "'a'")]
    [InlineData("""{"vocab": {"a": 2000000000}, "merges": []}""", "2000000000")]
    [InlineData("""{"vocab": {"a": -1}, "merges": []}""", "-1")]
    [InlineData("""{"vocab": {"a": 0}, "merges": ["a a"]}""", "'aa'")]
    [InlineData("""{"vocab": {"a": 0}, "merges": ["aa"]}""", "not a pair")]
    [InlineData("""{"vocab": []}""", "vocab")]
    [InlineData("""{"merges": []}""", "vocab")]
    public void What_is_wrong_is_named(string model, string named)
    {
        byte[] json = Encoding.UTF8.GetBytes($$"""{"pre_tokenizer": {"type": "ByteLevel"}, "model": {{model}} }""");
        Assert.Contains(named, Assert.Throws<InvalidFileException>(() => SmallTokenizer.Load(json)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_file_is_named() =>
        Assert.Contains("nowhere", Assert.Throws<InvalidFileException>(() => Tokenizer.FromJson("/nowhere/tokenizer.json")).Message, StringComparison.Ordinal);

    private static void WorksOrIsRefused(byte[] json)
    {
        try
        {
            Tokenizer tokenizer = SmallTokenizer.Load(json);
            tokenizer.Decode([.. tokenizer.EncodePrompt("It's 2 <tool> \U0001F600 wd<|end|>")]);
        }
        catch (TailorKVException)
        {
            // Refused.
        }
    }

    private static byte[] Mutate(IEnumerable<(int Position, int Value)> flips, int length)
    {
        byte[] bytes = [.. Original];
        foreach ((int position, int value) in flips)
            bytes[position] = (byte)value;
        return bytes[..length];
    }

    /// <summary>Walks down from the root by the given turns and replaces what it comes to, or removes it.</summary>
    private static JsonNode Replace(JsonNode root, int[] turns, string? value)
    {
        JsonNode node = root;
        foreach (int turn in turns)
        {
            JsonNode? next = node switch
            {
                JsonObject members when members.Count > 0 => members.ElementAt(turn % members.Count).Value,
                JsonArray items when items.Count > 0 => items[turn % items.Count],
                _ => null,
            };
            if (next is null || (turn % 5 == 0 && node != root))
                break;
            node = next;
        }
        if (node.Parent is JsonObject parent)
        {
            if (value is null)
                parent.Remove(node.GetPropertyName());
            else
                parent[node.GetPropertyName()] = JsonNode.Parse(value);
        }
        else if (node.Parent is JsonArray array)
        {
            array[node.GetElementIndex()] = value is null ? null : JsonNode.Parse(value);
        }
        return root;
    }
}
