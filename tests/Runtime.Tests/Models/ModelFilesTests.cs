using System.Text.Json.Nodes;
using TailorKV.Planner;
using TailorKV.Runtime.Architectures;
using TailorKV.Runtime.Models;
using TailorKV.Runtime.Tests.Formats;
using TailorKV.Runtime.Weights;
using TailorKV.Tests;

namespace TailorKV.Runtime.Tests.Models;

public sealed class ModelFilesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("SmolLM2-135M/model.gguf", "SmolLM2-135M")]
    [InlineData("models/SmolLM2-135M-Q4_1.gguf", "SmolLM2-135M-Q4_1")]
    [InlineData("models/Llama-3.1-8B", "Llama-3.1-8B")]
    public void A_model_is_named_after_what_tells_most(string path, string name)
    {
        TinyModel tiny = new();
        path = _folder.File(path);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        if (path.EndsWith(".gguf", StringComparison.Ordinal))
            File.WriteAllBytes(path, tiny.Gguf().ToBytes());
        else
            tiny.WriteFolder(Directory.CreateDirectory(path).FullName);
        using var model = CausalLanguageModel.Load(path);
        Assert.Equal(name, model.Fingerprint.Name);
    }

    [Theory]
    [InlineData("llama", false)]
    [InlineData("llama", true)]
    [InlineData("mistral", false)]
    [InlineData("qwen2", true)]
    [InlineData("qwen3", false)]
    public void Folder_shards_and_gguf_open_alike(string architecture, bool tied)
    {
        TinyModel model = new(architecture, tied);
        string single = Directory.CreateDirectory(_folder.File("single")).FullName;
        string sharded = Directory.CreateDirectory(_folder.File("sharded")).FullName;
        model.WriteFolder(single);
        model.WriteShards(sharded);
        List<string> paths = [single, sharded];
        if (architecture != "mistral")
            paths.Add(_folder.Write("model.gguf", model.Gguf().ToBytes()));
        List<string> hashes = [];
        foreach (string path in paths)
        {
            using ModelFiles files = ModelFiles.Open(path);
            ModelConfig config = files.Config;
            Assert.Equal(architecture, config.Architecture.Name);
            Assert.Equal(
                (TinyModel.Layers, TinyModel.Hidden, TinyModel.Intermediate, TinyModel.Vocabulary, 128),
                (config.Layers.Count, config.HiddenSize, config.IntermediateSize, config.VocabularySize, config.ContextLength));
            Assert.Equal((TinyModel.Heads, TinyModel.KvHeads, TinyModel.HeadDim), (config.HeadCount, config.KvHeadCount, config.HeadDim));
            Assert.Equal((1e-5, 10000, tied), (Math.Round(config.RmsNormEpsilon, 9), config.Layers[0].Rotary!.Theta, config.TiedEmbeddings));
            Assert.Equal((architecture == "qwen2", architecture == "qwen3"), (config.HasQueryKeyValueBias, files.Weights.Layers[0].QueryNorm is not null));
            Assert.False(config.HasAttentionOutputBias);
            Assert.Equal(new int?[TinyModel.Layers], config.Layers.Select(layer => layer.SlidingWindow));
            ModelWeights weights = files.Weights;
            Assert.Equal(tied, weights.Output == weights.Embedding);
            Assert.Equal(model.Tensors.Values.Sum(tensor => 4L * tensor.Values.Length), weights.StoredBytes);
            Assert.Equal(architecture == "llama" && path.EndsWith(".gguf", StringComparison.Ordinal), weights.InterleavedRope);
            Assert.Equal(model.Tensors["model.layers.1.input_layernorm.weight"].Values, weights.Layers[1].AttentionNorm);
            float[] row = new float[TinyModel.Intermediate];
            weights.Layers[1].Down.DecodeRow(3, row);
            Assert.Equal(model.Tensors["model.layers.1.mlp.down_proj.weight"].Values[(3 * TinyModel.Intermediate)..(4 * TinyModel.Intermediate)], row);
            Assert.Null(weights.FindNonFinite());
            hashes.Add(files.Hash());
        }
        Assert.Equal(hashes[0], hashes[1]);
        Assert.Equal(32, hashes[0].Length);
    }

    [Fact]
    public void The_hash_sees_every_tensor()
    {
        HashSet<string> hashes = [Hash(new TinyModel())];
        foreach (string name in new TinyModel().Tensors.Keys)
        {
            TinyModel changed = new();
            changed.Tensors[name].Values[^1] += 1;
            Assert.True(hashes.Add(Hash(changed)), name);
        }

        string Hash(TinyModel model)
        {
            model.WriteFolder(_folder.Path);
            using ModelFiles files = ModelFiles.Open(_folder.Path);
            return files.Hash();
        }
    }

    [Fact]
    public void Missing_misshapen_and_superfluous_tensors_are_named()
    {
        const string name = "model.layers.1.mlp.up_proj.weight";
        string message = Refused<InvalidFileException>(model => model.Tensors.Remove(name));
        Assert.Contains(name, message, StringComparison.Ordinal);
        Assert.Contains("[64, 32]", message, StringComparison.Ordinal);
        message = Refused<InvalidFileException>(model => model.Tensors[name] = model.Tensors[name] with { Shape = [32, 64] });
        Assert.Contains(name, message, StringComparison.Ordinal);
        Assert.Contains("[32, 64], not [64, 32]", message, StringComparison.Ordinal);
        message = Refused<UnsupportedModelException>(model => model.Tensors.Add("model.layers.1.mlp.extra.weight", ("", [1], [1])));
        Assert.Contains("mlp.extra", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Rotary_frequencies_in_the_file_are_ignored()
    {
        TinyModel model = new(tied: true);
        model.Tensors.Add("model.layers.0.self_attn.rotary_emb.inv_freq", ("", [1], [1]));
        model.WriteFolder(_folder.Path);
        using ModelFiles files = ModelFiles.Open(_folder.Path);
        Assert.Same(files.Weights.Embedding, files.Weights.Output);
    }

    [Fact]
    public void Numbers_that_are_not_finite_are_found()
    {
        string message = Refused<InvalidFileException>(model => model.Tensors["model.norm.weight"].Values[3] = float.NaN);
        Assert.Contains("model.norm.weight", message, StringComparison.Ordinal);
        TinyModel model = new();
        model.Tensors["model.layers.0.mlp.gate_proj.weight"].Values[^1] = float.NegativeInfinity;
        model.WriteFolder(_folder.Path, WeightType.BF16);
        using ModelFiles files = ModelFiles.Open(_folder.Path);
        Assert.Equal("model.layers.0.mlp.gate_proj.weight", files.Weights.FindNonFinite());
    }

    [Theory]
    [InlineData("../model.safetensors")]
    [InlineData("/tmp/model.safetensors")]
    [InlineData("sub\\model.safetensors")]
    [InlineData("config.json")]
    public void The_index_cannot_leave_the_folder(string shard)
    {
        TinyModel model = new();
        File.WriteAllBytes(_folder.File("config.json"), model.ConfigBytes);
        JsonObject index = new() { ["weight_map"] = new JsonObject { ["lm_head.weight"] = shard } };
        File.WriteAllText(_folder.File("model.safetensors.index.json"), index.ToJsonString());
        Assert.Contains(shard, Assert.Throws<InvalidFileException>(() => ModelFiles.Open(_folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_one_gguf_file_of_a_folder_is_its_model()
    {
        string folder = Directory.CreateDirectory(_folder.File("gguf")).FullName, first = Path.Combine(folder, "a.gguf");
        byte[] bytes = new TinyModel("llama").Gguf().ToBytes();
        File.WriteAllBytes(first, bytes);
        using (ModelFiles files = ModelFiles.Open(folder))
            Assert.Equal(first, files.Path);
        File.WriteAllBytes(Path.Combine(folder, "b.gguf"), bytes);
        Assert.Contains("a.gguf, b.gguf", Assert.Throws<InvalidFileException>(() => ModelFiles.Open(folder)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Frequency_factors_come_from_gguf()
    {
        GgufWriter writer = new TinyModel().Gguf();
        writer.Add("rope_freqs.weight", WeightType.F32, [4], SafetensorsWriter.Encode(WeightType.F32, [1, 2, 4, 8]));
        using ModelFiles files = ModelFiles.Open(_folder.Write("model.gguf", writer.ToBytes()));
        Assert.Equal([1f, 2, 4, 8], files.Weights.RopeFrequencyFactors!);
        Assert.Equal("t7", ((string[])files.GgufMetadata!["tokenizer.ggml.tokens"])[7]);
    }

    [Theory]
    [InlineData("fixtures/architectures/llama-headdim")]
    [InlineData("fixtures/architectures/llama-tied-bf16")]
    [InlineData("fixtures/architectures/llama-untied")]
    [InlineData("fixtures/architectures/llama3-rope")]
    [InlineData("fixtures/architectures/mistral-sliding")]
    [InlineData("fixtures/architectures/qwen2-bias")]
    [InlineData("fixtures/architectures/qwen3-qknorm")]
    [InlineData("fixtures/gguf/llama-bf16.gguf")]
    [InlineData("fixtures/gguf/llama-f16.gguf")]
    [InlineData("fixtures/gguf/llama-f32.gguf")]
    [InlineData("fixtures/gguf/llama-q4_0.gguf")]
    [InlineData("fixtures/gguf/llama-q4_1.gguf")]
    [InlineData("fixtures/gguf/llama-q4_k_m.gguf")]
    [InlineData("fixtures/gguf/llama-q5_0.gguf")]
    [InlineData("fixtures/gguf/llama-q5_1.gguf")]
    [InlineData("fixtures/gguf/llama-q5_k_m.gguf")]
    [InlineData("fixtures/gguf/llama-q6_k.gguf")]
    [InlineData("fixtures/gguf/llama-q8_0.gguf")]
    [InlineData("models/tiny-recall")]
    [InlineData("models/stories260K/stories260Ktok512.gguf")]
    [InlineData("models/SmolLM2-135M-Instruct/model.gguf")]
    public void Shared_models_open(string path)
    {
        using ModelFiles files = ModelFiles.Open(SharedData.Require(path));
        Assert.Null(files.Weights.FindNonFinite());
    }

    [Fact]
    public void Smollm2_has_its_published_shape()
    {
        using ModelFiles files = ModelFiles.Open(SharedData.Require("models/SmolLM2-135M-Instruct/model.gguf"));
        ModelConfig config = files.Config;
        Assert.Equal(
            (30, 9, 3, 64, 576, 1536), (config.Layers.Count, config.HeadCount, config.KvHeadCount, config.HeadDim, config.HiddenSize, config.IntermediateSize));
        Assert.Equal((49152, 8192, 100000, true), (config.VocabularySize, config.ContextLength, config.Layers[0].Rotary!.Theta, config.TiedEmbeddings));
        Assert.Equal(210, files.Weights.Matrices.Count(matrix => matrix.Type == WeightType.Q4_1));
        Assert.Equal(WeightType.Q8_0, files.Weights.Embedding.Type);
        // The last of the file's tensors ends the file.
        Assert.Equal(96574464 + 4 * 576, files.Weights.StoredBytes);
    }

    private string Refused<T>(Action<TinyModel> change)
        where T : TailorKVException
    {
        TinyModel model = new();
        change(model);
        model.WriteFolder(_folder.Path);
        return Assert.Throws<T>(() => ModelFiles.Open(_folder.Path)).Message;
    }
}
