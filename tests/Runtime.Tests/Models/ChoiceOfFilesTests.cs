using System.Text.Json.Nodes;
using FsCheck;
using TailorKV.Planner;
using TailorKV.Runtime.Models;
using TailorKV.Runtime.Tests.Formats;
using TailorKV.Runtime.Weights;

namespace TailorKV.Runtime.Tests.Models;

/// <summary>Which files of a folder and which tensors of a file are a model.</summary>
public sealed class ChoiceOfFilesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_whole_file_is_taken_where_shards_of_another_model_lie_beside_it()
    {
        TinyModel old = new(seed: 2), model = new(seed: 1);
        old.WriteShards(_folder.Path);
        model.WriteFolder(_folder.Path);
        using ModelFiles files = ModelFiles.Open(_folder.Path);
        Assert.Equal(model.Tensors["model.norm.weight"].Values, files.Weights.FinalNorm);
        Assert.Contains("model.safetensors is taken, as transformers does", Assert.Single(files.Remarks), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true, "truncated")]
    [InlineData(false, "lacks tensor \"lm_head.weight\"")]
    public void The_shards_are_taken_where_the_whole_file_is_none(bool truncated, string remark)
    {
        TinyModel model = new();
        model.WriteShards(_folder.Path);
        byte[] whole = truncated ? model.SafetensorsBytes()[..^100] : model.SafetensorsBytes(include: name => name != "lm_head.weight");
        _folder.Write("model.safetensors", whole);
        using ModelFiles files = ModelFiles.Open(_folder.Path);
        string said = Assert.Single(files.Remarks);
        Assert.StartsWith("the files that model.safetensors.index.json names are taken", said, StringComparison.Ordinal);
        Assert.Contains(remark, said, StringComparison.Ordinal);

        File.Delete(_folder.File("model-00002-of-00002.safetensors"));
        Assert.Throws<InvalidFileException>(() => ModelFiles.Open(_folder.Path));
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("no JSON")]
    [InlineData("""{"weight_map": {"lm_head.weight": "../x.safetensors"}}""")]
    public void An_index_that_is_none_is_passed_over_beside_a_whole_file(string index)
    {
        new TinyModel().WriteFolder(_folder.Path);
        File.WriteAllText(_folder.File("model.safetensors.index.json"), index);
        using ModelFiles files = ModelFiles.Open(_folder.Path);
        Assert.Single(files.Remarks);
    }

    [Theory]
    [InlineData("", "lm_head")]
    [InlineData("model.", "lm_head")]
    [InlineData("language_model.model.", "language_model.lm_head")]
    [InlineData("language_model.model.", "lm_head")]
    [InlineData("base.", "base.lm_head")]
    public void Names_stand_below_any_one_name_or_none(string prefix, string output)
    {
        TinyModel model = new("qwen3");
        float[] norm = model.Tensors["model.norm.weight"].Values, head = model.Tensors["lm_head.weight"].Values;
        foreach (string name in model.Tensors.Keys.ToArray())
        {
            model.Tensors.Remove(name, out (string, long[], float[]) tensor);
            model.Tensors.Add(name == "lm_head.weight" ? $"{output}.weight" : prefix + name["model.".Length..], tensor);
        }
        model.WriteFolder(_folder.Path);
        using ModelFiles files = ModelFiles.Open(_folder.Path);
        Assert.Equal(norm, files.Weights.FinalNorm);
        float[] row = new float[TinyModel.Hidden];
        files.Weights.Output.DecodeRow(1, row);
        Assert.Equal(head[TinyModel.Hidden..(2 * TinyModel.Hidden)], row);
        Assert.Empty(files.Remarks);
    }

    [Theory]
    [InlineData("F8_E4M3")]
    [InlineData("I8")]
    [InlineData("F64")]
    public void A_tensor_of_a_type_that_is_not_supported_is_not_called_missing(string type)
    {
        const string name = "model.layers.1.mlp.up_proj.weight";
        TinyModel model = new();
        SafetensorsWriter writer = new();
        foreach ((string each, (_, long[] shape, float[] values)) in model.Tensors)
            writer.Add(each, each == name ? type : "F32", shape, each == name ? new byte[values.Length * (type == "F64" ? 8 : 1)] : SafetensorsWriter.Encode(WeightType.F32, values));
        _folder.Write("config.json", model.ConfigBytes);
        _folder.Write("model.safetensors", writer.ToBytes());
        string message = Assert.Throws<UnsupportedModelException>(() => ModelFiles.Open(_folder.Path)).Message;
        Assert.Contains($"\"{name}\" has the type {type}", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_superfluous_tensor_of_another_type_is_refused()
    {
        TinyModel model = new();
        SafetensorsWriter writer = new();
        foreach ((string name, (_, long[] shape, float[] values)) in model.Tensors)
            writer.Add(name, WeightType.F32, shape, values);
        writer.Add("model.layers.0.mlp.up_proj.scales", "I32", [1], new byte[4]);
        _folder.Write("config.json", model.ConfigBytes);
        _folder.Write("model.safetensors", writer.ToBytes());
        Assert.Contains("up_proj.scales", Assert.Throws<UnsupportedModelException>(() => ModelFiles.Open(_folder.Path)).Message, StringComparison.Ordinal);
    }

    /// <summary>Of embedding and output matrix a tied checkpoint may hold one or both; the second counts only where it differs, be it in one element.</summary>
    [FsCheck.Xunit.Property(MaxTest = 30)]
    public bool A_tied_checkpoint_may_hold_either_matrix_or_both(bool holdsEmbedding, bool holdsOutput, bool narrowed, ushort changed)
    {
        bool differs = holdsEmbedding && holdsOutput && changed % 2 == 1;
        TinyModel model = new("qwen2", tied: true);
        (string gguf, long[] shape, float[] embedding) = model.Tensors["model.embed_tokens.weight"];
        // Values that bf16 holds, so that the two are equal in different types too.
        float[] values = [.. embedding.Select(value => MathF.Round(value * 64) / 64)], output = [.. values];
        if (differs)
            output[changed % output.Length] += 1;
        model.Tensors.Remove("model.embed_tokens.weight");
        SafetensorsWriter writer = new();
        foreach ((string name, (_, long[] itsShape, float[] itsValues)) in model.Tensors)
            writer.Add(name, WeightType.F32, itsShape, itsValues);
        if (holdsEmbedding || !holdsOutput)
            writer.Add("model.embed_tokens.weight", WeightType.F32, shape, values);
        if (holdsOutput)
            writer.Add("lm_head.weight", narrowed ? WeightType.BF16 : WeightType.F32, shape, output);
        _folder.Write("config.json", model.ConfigBytes);
        _folder.Write("model.safetensors", writer.ToBytes());
        using ModelFiles files = ModelFiles.Open(_folder.Path);
        float[] row = new float[TinyModel.Hidden], expected = new float[TinyModel.Hidden];
        int at = changed % output.Length / TinyModel.Hidden;
        files.Weights.Output.DecodeRow(at, row);
        output.AsSpan(at * TinyModel.Hidden, TinyModel.Hidden).CopyTo(expected);
        return files.Config.TiedEmbeddings == !differs && ReferenceEquals(files.Weights.Output, files.Weights.Embedding) == !differs
            && files.Remarks.Count == (differs ? 1 : 0) && row.AsSpan().SequenceEqual(expected);
    }

    /// <summary>However the tensors of a GGUF file are spread over shards, they are the same model.</summary>
    [FsCheck.Xunit.Property(MaxTest = 30)]
    public void Shards_of_any_cut_are_the_whole(NonEmptyArray<byte> cut, PositiveInt shards)
    {
        int count = 1 + (shards.Get % 5);
        TinyModel model = new();
        using ModelFiles whole = ModelFiles.Open(_folder.Write("whole.gguf", model.Gguf().ToBytes()));
        string first = WriteGgufShards(model, count, tensor => cut.Get[tensor % cut.Get.Length] % count);
        using ModelFiles together = ModelFiles.Open(first);
        Assert.Equal(whole.Hash(), together.Hash());
        Assert.Equal(whole.Config.Layers, together.Config.Layers);
        Assert.Equal(whole.Config with { Layers = together.Config.Layers }, together.Config);
    }

    [Theory]
    [InlineData("m-00001-of-00002.gguf", "split.count", (ushort)3, "its name does not say so")]
    [InlineData("m-00002-of-00002.gguf", "split.no", (ushort)0, "it is shard 1 of 2, not 2 of 2")]
    [InlineData("m-00001-of-00002.gguf", "split.tensors.count", 99, "split.tensors.count is 99")]
    [InlineData("m-00001-of-00002.gguf", "split.no", (ushort)7, "split.no is 7")]
    [InlineData("m-00001-of-00002.gguf", "split.count", "many", "split.count is many")]
    public void Shards_that_do_not_belong_together_are_refused(string changed, string key, object value, string message)
    {
        string first = WriteGgufShards(new TinyModel(), 2, tensor => tensor % 2, (changed, key, value));
        Assert.Contains(message, Assert.Throws<InvalidFileException>(() => ModelFiles.Open(first)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_of_one_model_in_shards_opens_and_of_two_models_does_not()
    {
        string first = WriteGgufShards(new TinyModel(), 3, tensor => tensor % 3);
        using (ModelFiles files = ModelFiles.Open(_folder.Path))
            Assert.Equal(first, files.Path);
        _folder.Write("other.gguf", new TinyModel().Gguf().ToBytes());
        Assert.Contains("m-00001-of-00003.gguf, other.gguf", Assert.Throws<InvalidFileException>(() => ModelFiles.Open(_folder.Path)).Message, StringComparison.Ordinal);
        File.Delete(_folder.File("other.gguf"));
        File.Delete(first);
        Assert.Contains("m-00001-of-00003.gguf", Assert.Throws<InvalidFileException>(() => ModelFiles.Open(_folder.Path)).Message, StringComparison.Ordinal);
    }

    private string WriteGgufShards(TinyModel model, int count, Func<int, int> shardOf, (string File, string Key, object Value)? change = null)
    {
        string[] names = [.. model.Tensors.Keys];
        for (int shard = 0; shard < count; shard++)
        {
            string file = $"m-{shard + 1:00000}-of-{count:00000}.gguf";
            TinyModel part = new();
            for (int i = 0; i < names.Length; i++)
            {
                if (shardOf(i) != shard)
                    part.Tensors.Remove(names[i]);
            }
            GgufWriter writer = part.Gguf();
            writer.Metadata["split.no"] = (ushort)shard;
            writer.Metadata["split.count"] = (ushort)count;
            writer.Metadata["split.tensors.count"] = names.Length;
            if (change is { } wrong && wrong.File == file)
                writer.Metadata[wrong.Key] = wrong.Value;
            _folder.Write(file, writer.ToBytes());
        }
        return _folder.File($"m-00001-of-{count:00000}.gguf");
    }
}
