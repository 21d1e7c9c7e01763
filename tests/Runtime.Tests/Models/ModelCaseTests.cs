using TailorKV.Planner;
using TailorKV.Runtime.Tokenizers;
using TailorKV.Runtime.Verification;
using TailorKV.Tests;

namespace TailorKV.Runtime.Tests.Models;

/// <summary>Models that other people's bug reports led to, each against what transformers or llama.cpp makes of it.</summary>
public sealed class ModelCaseTests : IDisposable
{
    private const string Stories = "models/stories260K/stories260Ktok512.gguf";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("02-rope-scaling-added/none", "ref.safetensors")]
    [InlineData("02-rope-scaling-added/added-linear", "ref.safetensors")]
    [InlineData("02-rope-scaling-added/added-yarn", "ref.safetensors")]
    [InlineData("04-gguf-rope-factor-without-type/ropefactor-notype.gguf", "../ref-linear.safetensors")]
    [InlineData("04-gguf-rope-factor-without-type/ropelinear.gguf", "../ref-linear.safetensors")]
    [InlineData("04-gguf-rope-factor-without-type/ropefreqs-linear.gguf", "../ref-freqs-linear.safetensors")]
    [InlineData("06-qwen2-null-window/model", "ref.safetensors")]
    [InlineData("13-no-model-prefix/model", "ref.safetensors")]
    public void Equal_their_references_without_a_remark(string path, string reference)
    {
        using var model = CausalLanguageModel.Load(SharedData.Require($"cases/{path}"));
        AssertEqual(model, Path.GetFullPath(Path.Combine(model.Path, reference)));
        Assert.Empty(model.Remarks);
    }

    [Fact]
    public void An_output_matrix_of_its_own_is_used_in_spite_of_the_flag()
    {
        using var model = CausalLanguageModel.Load(SharedData.Require("cases/03-tie-flag-two-heads/tie-both"));
        AssertEqual(model, Path.Combine(model.Path, "ref.safetensors"));
        Assert.False(model.Config.TiedEmbeddings);
        Assert.Contains("lm_head.weight differs from model.embed_tokens.weight", Assert.Single(model.Remarks), StringComparison.Ordinal);
    }

    [Fact]
    public void A_whole_file_beside_an_index_without_shards_loads()
    {
        using var model = CausalLanguageModel.Load(SharedData.Require("cases/07-stale-index/index-noshards"));
        AssertEqual(model, Path.Combine(SharedData.Root, "models", "tiny-recall", "reference.safetensors"));
        Assert.Contains("model-00001-of-00002.safetensors, which is not there", Assert.Single(model.Remarks), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("stories-00001-of-00003.gguf")]
    [InlineData("")]
    public void Shards_are_the_whole_model(string name)
    {
        string folder = SharedData.Require("cases/09-split-gguf");
        using var shards = CausalLanguageModel.Load(Path.Combine(folder, name));
        using var whole = CausalLanguageModel.Load(SharedData.Require(Stories));
        Assert.Equal(whole.Fingerprint.WeightsHash, shards.Fingerprint.WeightsHash);
        Assert.Equal(whole.Weights.StoredBytes, shards.Weights.StoredBytes);
        Assert.Equal("stories", shards.Fingerprint.Name);
        AssertEqual(shards, SharedData.Require("cases/04-gguf-rope-factor-without-type/ref-none.safetensors"));
    }

    [Theory]
    [InlineData("stories-00002-of-00003.gguf", "stories-00001-of-00003.gguf", "it is shard 2 of 3")]
    [InlineData("stories-00001-of-00003.gguf", "stories-00003-of-00003.gguf", "shard 3 of 3 is missing")]
    public void A_shard_that_is_not_there_is_named(string opened, string absent, string message)
    {
        string folder = SharedData.Require("cases/09-split-gguf");
        foreach (string file in Directory.GetFiles(folder, "*.gguf").Where(file => Path.GetFileName(file) != absent))
            File.Copy(file, _folder.File(Path.GetFileName(file)));
        string error = Assert.Throws<InvalidFileException>(() => CausalLanguageModel.Load(_folder.File(opened))).Message;
        Assert.Contains(message, error, StringComparison.Ordinal);
        Assert.Contains(absent, error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("eos-minus1", "config.json: eos_token_id is -1")]
    [InlineData("pad-above", "tokenizer.json: an added token is 1024 ('<pad>')")]
    public void Token_ids_that_a_folder_does_not_have_are_ignored(string name, string remark)
    {
        string folder = SharedData.Require($"cases/12-token-ids-beyond-vocabulary/{name}");
        File.Copy(Path.Combine(folder, "config.json"), _folder.File("config.json"));
        File.Copy(Path.Combine(folder, "tokenizer.json"), _folder.File("tokenizer.json"));
        File.Copy(Path.Combine(SharedData.Root, "models", "tiny-recall", "model.safetensors"), _folder.File("model.safetensors"));
        using var model = CausalLanguageModel.Load(_folder.Path);
        Tokenizer tokenizer = model.Tokenizer;
        Assert.Contains(remark, Assert.Single(tokenizer.Remarks), StringComparison.Ordinal);
        Assert.All(tokenizer.EndTokens, id => Assert.InRange(id, 0, 1023));
        Assert.All(tokenizer.Encode("a<pad>b<|pad|>"), id => Assert.InRange(id, 0, 1023));
        Assert.Equal("a<pad>b<|pad|>", tokenizer.Decode([.. tokenizer.Encode("a<pad>b<|pad|>")]));
    }

    [Theory]
    [InlineData("eos-range.gguf", "tokenizer.ggml.eos_token_id is")]
    [InlineData("bos-range.gguf", "tokenizer.ggml.bos_token_id is")]
    public void Token_ids_that_a_gguf_file_does_not_have_are_ignored(string name, string remark)
    {
        using var model = CausalLanguageModel.Load(SharedData.Require($"cases/12-token-ids-beyond-vocabulary/{name}"));
        Assert.Contains(remark, Assert.Single(model.Tokenizer.Remarks), StringComparison.Ordinal);
        Assert.Equal((1, 2), (model.Tokenizer.BeginToken, model.Tokenizer.EndToken));
    }

    [Fact]
    public void A_byte_swapped_gguf_file_is_called_that()
    {
        string path = SharedData.Require("cases/17-big-endian-gguf/bigendian.gguf");
        Assert.Contains("big-endian", Assert.Throws<UnsupportedModelException>(() => CausalLanguageModel.Load(path)).Message, StringComparison.Ordinal);
    }

    private static void AssertEqual(CausalLanguageModel model, string reference) => Assert.All(
        ReferenceComparison.Compare(model, reference, 1e-3), difference => Assert.True(difference.Passed, difference.ToString()));
}
