using System.Text.Json.Nodes;
using TailorKV.Planner;
using TailorKV.Runtime.Architectures;
using TailorKV.Runtime.Architectures.Rotary;
using TailorKV.Runtime.Models;

namespace TailorKV.Runtime.Tests.Models;

public sealed class ModelConfigTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Rope_settings_have_an_older_and_a_newer_form()
    {
        const string llama3 = "\"factor\": 8, \"low_freq_factor\": 1, \"high_freq_factor\": 4.0, \"original_max_position_embeddings\": 64";
        Llama3Scaling expected = new(8, 1, 4, 64);
        Assert.Equal((expected, 5e5), Rope($$"""{"rope_theta": 5e5, "rope_scaling": {"rope_type": "llama3", {{llama3}}} }"""));
        Assert.Equal((expected, 5e5), Rope($$"""{"rope_parameters": {"rope_theta": 500000, "rope_type": "llama3", {{llama3}}} }"""));
        Assert.Equal((new LinearScaling(2.5), 1e4), Rope("""{"rope_theta": null, "rope_scaling": {"type": "linear", "factor": 2.5} }"""));
        Assert.Equal((null, 7.0), Rope("""{"rope_parameters": {"rope_theta": 7, "rope_type": "default"} }"""));
        Assert.Equal((null, 10000.0), Rope("""{"rope_scaling": null}"""));

        (RopeScaling?, double) Rope(string changes)
        {
            ModelConfig config = Read("llama", changes);
            return (config.Layers[0].Rotary!.Scaling, config.Layers[0].Rotary!.Theta);
        }
    }

    [Fact]
    public void Heads_and_biases_have_defaults()
    {
        ModelConfig config = Read("llama", """{"head_dim": null, "num_key_value_heads": null}""");
        Assert.Equal((8, 4, false), (config.HeadDim, config.KvHeadCount, config.HasAttentionOutputBias));
        config = Read("llama", """{"attention_bias": true}""");
        Assert.True(config.HasQueryKeyValueBias && config.HasAttentionOutputBias);
        Assert.False(Read("mistral", """{"attention_bias": true}""").HasQueryKeyValueBias);
        Assert.True(Read("qwen2", "{}").HasQueryKeyValueBias);
    }

    /// <summary>As transformers' configurations have them.</summary>
    [Theory]
    [InlineData("llama", 64, 64, 1024, 2048)]
    [InlineData("mistral", 64, 8, 1024, 131072)]
    [InlineData("qwen2", 64, 32, 1024, 32768)]
    [InlineData("qwen3", 64, 32, 128, 32768)]
    public void Absent_values_have_the_defaults_of_the_architecture(string architecture, int heads, int kvHeads, int headDim, int context)
    {
        JsonObject json = new TinyModel(architecture).Config;
        (json["num_attention_heads"], json["hidden_size"]) = (heads, 65536);
        foreach (string name in (string[])["num_key_value_heads", "head_dim", "max_position_embeddings"])
            json.Remove(name);
        File.WriteAllText(_folder.File("config.json"), json.ToJsonString());
        ModelConfig config = HuggingFaceConfig.Read(_folder.File("config.json"), []);
        Assert.Equal((kvHeads, headDim, context), (config.KvHeadCount, config.HeadDim, config.ContextLength));
    }

    [Theory]
    [InlineData("mistral", """{"sliding_window": 48}""", new[] { 48, 48 })]
    [InlineData("mistral", """{"sliding_window": null}""", new[] { 0, 0 })]
    [InlineData("llama", """{"sliding_window": 48}""", new[] { 0, 0 })]
    [InlineData("qwen2", """{"sliding_window": 48, "use_sliding_window": false}""", new[] { 0, 0 })]
    [InlineData("qwen2", """{"sliding_window": 48, "use_sliding_window": true, "max_window_layers": 1}""", new[] { 0, 48 })]
    [InlineData("qwen3", """{"sliding_window": 48, "use_sliding_window": true, "max_window_layers": 0}""", new[] { 48, 48 })]
    [InlineData("qwen3", """{"sliding_window": 48, "use_sliding_window": true, "layer_types": ["sliding_attention", "full_attention"]}""", new[] { 48, 0 })]
    public void Windows_follow_the_architecture(string architecture, string changes, int[] expected) =>
        Assert.Equal(expected.Select(window => window == 0 ? (int?)null : window), Read(architecture, changes).Layers.Select(layer => layer.SlidingWindow));

    [Theory]
    [InlineData("""{"model_type": "mixtral"}""", "llama, mistral, olmo2, phi3, qwen2, qwen3")]
    [InlineData("""{"model_type": "qwen3_moe"}""", "qwen3_moe")]
    [InlineData("""{"hidden_act": "gelu"}""", "gelu")]
    [InlineData("""{"num_local_experts": 8}""", "num_local_experts")]
    [InlineData("""{"quantization_config": {"bits": 4}}""", "quantization_config has no quant_method")]
    [InlineData("""{"quantization_config": {"quant_method": "modelopt"}}""", "quantization_config.quant_method is \"modelopt\"")]
    [InlineData("""{"quantization_config": {"quant_method": "awq", "bits": 4, "group_size": 128, "version": "gemv_fast"}}""", "quantization_config.version is \"gemv_fast\"")]
    [InlineData("""{"quantization_config": {"quant_method": "gptq", "bits": 3, "group_size": 128}}""", "quantization_config.bits is 3")]
    [InlineData("""{"quantization_config": {"quant_method": "gptq", "bits": 4, "group_size": 128, "checkpoint_format": "gptq_p"}}""", "quantization_config.checkpoint_format is \"gptq_p\"")]
    [InlineData("""{"quantization_config": {"quant_method": "gptq", "bits": 4, "group_size": 128, "dynamic": {"-:lm_head": {}}}}""", "quantization_config.dynamic")]
    [InlineData("""{"quantization_config": {"quant_method": "compressed-tensors", "format": "mxfp4-pack-quantized"}}""", "quantization_config.format is \"mxfp4-pack-quantized\"")]
    [InlineData("""{"quantization_config": {"quant_method": "compressed-tensors", "format": "pack-quantized", "kv_cache_scheme": {"num_bits": 8}}}""", "quantization_config.kv_cache_scheme")]
    [InlineData(
        """{"quantization_config": {"quant_method": "compressed-tensors", "format": "float-quantized", "config_groups": {"a": {"input_activations": {"type": "int"}, "weights": {}}}}}""",
        "input_activations.type is \"int\"")]
    [InlineData("""{"partial_rotary_factor": 0.5}""", "partial_rotary_factor")]
    [InlineData("""{"rope_parameters": {"rope_type": "default", "partial_rotary_factor": 0.25}}""", "partial_rotary_factor")]
    [InlineData("""{"rope_scaling": {"type": "proportional", "factor": 4}}""", "proportional")]
    public void Unsupported_settings_are_named(string changes, string named) =>
        Assert.Contains(named, Assert.Throws<UnsupportedModelException>(() => Read("llama", changes)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("""{"hidden_size": 0}""", "hidden_size is 0")]
    [InlineData("""{"hidden_size": "many"}""", "hidden_size is \"many\"")]
    [InlineData("""{"hidden_size": 32.5}""", "hidden_size is 32.5")]
    [InlineData("""{"num_hidden_layers": 99999999}""", "num_hidden_layers is 99999999")]
    [InlineData("""{"num_hidden_layers": null}""", "num_hidden_layers is missing")]
    [InlineData("""{"num_key_value_heads": 3}""", "3 key and value heads")]
    [InlineData("""{"head_dim": 7}""", "7 is odd")]
    [InlineData("""{"head_dim": 8388608}""", "4 heads of 8388608")]
    [InlineData("""{"head_dim": null, "num_attention_heads": 5}""", "num_attention_heads is 5")]
    [InlineData("""{"rms_norm_eps": 1e999}""", "rms_norm_eps")]
    [InlineData("""{"rope_theta": -1}""", "rope_theta is -1")]
    [InlineData("""{"rope_parameters": 3}""", "rope_parameters is 3")]
    [InlineData("""{"tie_word_embeddings": "yes"}""", "tie_word_embeddings is \"yes\"")]
    [InlineData("""{"rope_scaling": {"type": "linear"}}""", "factor is missing")]
    public void Values_out_of_range_are_named(string changes, string named) =>
        Assert.Contains(named, Assert.Throws<InvalidFileException>(() => Read("llama", changes)).Message, StringComparison.Ordinal);

    private ModelConfig Read(string architecture, string changes) => TinyModel.ReadConfig(_folder, architecture, changes, []);
}
