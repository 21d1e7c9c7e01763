using System.Text.Json;
using System.Text.Json.Nodes;
using FsCheck;
using TailorKV.Runtime.Tokenizers;

namespace TailorKV.Runtime.Tests.Tokenizers;

public class TokenIdsTests
{
    /// <summary>Of any ids those of the vocabulary are kept in order, and one remark names the first of the others.</summary>
    [FsCheck.Xunit.Property(MaxTest = 300)]
    public bool Ids_of_the_vocabulary_are_kept_and_others_remarked_on(long[] ids, NonNegativeInt limit)
    {
        List<string> remarks = [];
        int[] known = new TokenIds("config.json", limit.Get, remarks).Known("eos_token_id", ids);
        long[] others = [.. ids.Where(id => id < 0 || id >= limit.Get)];
        return known.Select(id => (long)id).SequenceEqual(ids.Where(id => !others.Contains(id)))
            && (others.Length == 0 ? remarks.Count == 0 : remarks.Single().StartsWith($"config.json: eos_token_id is {others[0]}", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("-1", new int[0])]
    [InlineData("[5, -1, 99999999999]", new[] { 5 })]
    [InlineData("[]", new int[0])]
    [InlineData("null", new int[0])]
    public void A_list_of_end_tokens_loses_those_that_are_not_there(string ids, int[] expected)
    {
        Tokenizer tokenizer = SmallTokenizer.Load(JsonSerializer.SerializeToUtf8Bytes(SmallTokenizer.Json("llama3")), ("config.json", $$"""{"eos_token_id": {{ids}}}"""));
        Assert.Equal(expected, tokenizer.EndTokens.Where(expected.Contains));
        Assert.All(tokenizer.EndTokens, id => Assert.InRange(id, 0, tokenizer.VocabularySize - 1));
        Assert.Equal(ids.Contains("-1", StringComparison.Ordinal) ? 1 : 0, tokenizer.Remarks.Count);
    }

    [Fact]
    public void Many_ids_make_one_remark()
    {
        List<string> remarks = [];
        Assert.Empty(new TokenIds("f", 10, remarks).Known("x", [.. Enumerable.Range(10, 1000).Select(id => (long)id)]));
        Assert.Equal("f: x is 10, 11, 12 and 997 more, outside the vocabulary of 10 tokens, and is ignored", Assert.Single(remarks));
    }

    /// <summary>The text of an added token that the model has no embedding for is read as any text.</summary>
    [Fact]
    public void Added_tokens_beyond_the_models_vocabulary_are_plain_text()
    {
        JsonObject json = SmallTokenizer.Json("llama3");
        int count = SmallTokenizer.Load("llama3").VocabularySize;
        json["added_tokens"]!.AsArray().Add(new JsonObject { ["id"] = count, ["content"] = "<extra>", ["special"] = true });
        string folder = Directory.CreateTempSubdirectory("tailorkv-").FullName;
        try
        {
            string path = Path.Combine(folder, "tokenizer.json");
            File.WriteAllText(path, json.ToJsonString());
            Assert.Equal([count], Tokenizer.FromJson(path).Encode("<extra>"));
            Tokenizer tokenizer = Tokenizer.FromJson(path, count);
            Assert.Equal(count, tokenizer.VocabularySize);
            Assert.Equal("<extra>", tokenizer.Decode([.. tokenizer.Encode("<extra>")]));
            Assert.Contains($"an added token is {count} ('<extra>')", Assert.Single(tokenizer.Remarks), StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>llama.cpp takes SentencePiece's usual ids where the file's cannot be used.</summary>
    [Fact]
    public void Control_tokens_of_a_gguf_file_beyond_the_models_vocabulary_are_ignored()
    {
        Dictionary<string, object> metadata = new()
        {
            ["tokenizer.ggml.model"] = "llama",
            ["tokenizer.ggml.tokens"] = new[] { "<unk>", "<s>", "</s>", "a", "<pad>", "<more>" },
            ["tokenizer.ggml.scores"] = new float[6],
            ["tokenizer.ggml.token_type"] = new[] { 2, 3, 3, 1, 3, 4 },
            ["tokenizer.ggml.bos_token_id"] = 77u,
            ["tokenizer.ggml.eos_token_id"] = -1,
        };
        Tokenizer tokenizer = Tokenizer.FromGguf(metadata, "m.gguf", modelVocabulary: 4);
        Assert.Equal((4, 1, 2), (tokenizer.VocabularySize, tokenizer.BeginToken, tokenizer.EndToken));
        Assert.Equal(3, tokenizer.Remarks.Count);
        Assert.Contains("4 ('<pad>'), 5 ('<more>')", tokenizer.Remarks[0], StringComparison.Ordinal);
        Assert.Equal(6, Tokenizer.FromGguf(metadata, "m.gguf").VocabularySize);
    }
}
