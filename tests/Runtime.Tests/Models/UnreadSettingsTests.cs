using System.Text.Json.Nodes;
using FsCheck;
using FsCheck.Fluent;
using TailorKV.Planner;
using TailorKV.Runtime.Architectures;
using TailorKV.Runtime.Architectures.Rotary;
using TailorKV.Runtime.Models;
using TailorKV.Runtime.Tests.Formats;

namespace TailorKV.Runtime.Tests.Models;

/// <summary>Nothing in a configuration that may change the arithmetic is passed over.</summary>
public sealed class UnreadSettingsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    // The names that the config.json of well-known models have beside those of TinyModel, with values as there.
    [Theory]
    [InlineData("llama", """
        {"_name_or_path": "x", "architectures": ["LlamaForCausalLM"], "attention_bias": false, "attention_dropout": 0.0, "bos_token_id": 128000, "eos_token_id": [128001, 128008, 128009],
        "initializer_range": 0.02, "mlp_bias": false, "pretraining_tp": 1, "torch_dtype": "bfloat16", "transformers_version": "4.45.0.dev0", "use_cache": true, "pad_token_id": 128004,
        "rope_scaling": {"factor": 32.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0, "original_max_position_embeddings": 8192, "rope_type": "llama3"}, "unsloth_fixed": true}
        """)]
    [InlineData("llama", """
        {"is_llama_config": true, "rope_interleaved": false, "rope_scaling": null, "transformers.js_config": {"kv_cache_dtype": {"q4f16": "float16"}}, "max_sequence_length": 2048, "activation": "swiglu",
        "tokenizer_class": "GPT2Tokenizer", "task_specific_params": null, "id2label": {"0": "LABEL_0"}, "torchscript": false, "pruned_heads": {}, "chunk_size_feed_forward": 0, "is_decoder": false,
        "cross_attention_hidden_size": null, "add_cross_attention": false, "output_attentions": false, "output_hidden_states": false, "num_beams": 1, "length_penalty": 1.0, "temperature": 1.0, "top_p": 1.0}
        """)]
    [InlineData("mistral", """{"sliding_window": 4096, "architectures": ["MistralForCausalLM"], "attention_dropout": 0.0, "initializer_range": 0.02, "use_cache": true, "head_dim": 8}""")]
    [InlineData("qwen2", """
        {"max_window_layers": 28, "sliding_window": 131072, "use_sliding_window": false, "use_mrope": false, "attention_dropout": 0.0, "rotary_emb_base": 10000, "seq_length": 65536,
        "layer_types": ["full_attention", "full_attention"]}
        """)]
    [InlineData("qwen3", """
        {"max_window_layers": 40, "sliding_window": null, "use_sliding_window": false, "attention_bias": false, "dtype": "bfloat16", "use_qk_norm": true, "query_pre_attn_scalar": 8,
        "rope_parameters": {"rope_theta": 10000, "rope_type": "default", "partial_rotary_factor": 1.0, "attention_factor": null}, "embedding_multiplier": 1.0, "attn_logit_softcapping": null,
        "num_experts": 0, "is_causal": true}
        """)]
    public void Configurations_of_known_models_are_read_without_a_remark(string architecture, string settings)
    {
        List<string> remarks = [];
        Read(architecture, settings, remarks);
        Assert.Empty(remarks);
    }

    [Theory]
    [InlineData("attn_logit_softcapping", "50.0")]
    [InlineData("final_logit_softcapping", "30.0")]
    [InlineData("embedding_multiplier", "12.0")]
    [InlineData("logits_scaling", "8.0")]
    [InlineData("residual_multiplier", "0.22")]
    [InlineData("attention_multiplier", "1.0")]
    [InlineData("query_pre_attn_scalar", "256")]
    [InlineData("scale_emb", "12")]
    [InlineData("rope_interleaved", "true")]
    [InlineData("no_rope_layers", "[1, 0]")]
    [InlineData("use_qk_norm", "true")]
    [InlineData("is_causal", "false")]
    [InlineData("use_bidirectional_attention", "true")]
    [InlineData("clip_qkv", "8.0")]
    [InlineData("rotary_pct", "0.25")]
    [InlineData("activation", "\"gelu\"")]
    [InlineData("dual_chunk_attention_config", """{"chunk_size": 262144}""")]
    [InlineData("layer_types", """["full_attention", "linear_attention"]""")]
    public void Settings_that_change_the_arithmetic_are_refused_by_name(string name, string value)
    {
        string message = Assert.Throws<UnsupportedModelException>(() => Read("llama", $$"""{"{{name}}": {{value}}}""", [])).Message;
        Assert.Contains($"{name} is ", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"rope_scaling": {"factor": 4.0}}""", "rope_scaling.factor is 4")]
    [InlineData("""{"rope_parameters": {"rope_type": "default", "factor": 4.0}}""", "rope_parameters.factor is 4")]
    [InlineData("""{"rope_scaling": {"type": "proportional", "factor": 4.0}}""", "rope_scaling.rope_type is \"proportional\"")]
    [InlineData("""{"rope_scaling": {"type": "yarn", "rope_type": "linear", "factor": 4.0}}""", "rope_scaling.type is \"yarn\"")]
    [InlineData("""{"rope_scaling": {"type": "linear", "factor": 4.0, "attention_factor": 1.2}}""", "rope_scaling.attention_factor is 1.2")]
    [InlineData("""{"rope_scaling": {"type": "default", "mrope_section": [16, 24, 24]}}""", "rope_scaling.mrope_section is [16,24,24]")]
    [InlineData("""{"rope_parameters": {"full_attention": {"rope_type": "linear", "factor": 8.0}}}""", "rope_parameters.full_attention is ")]
    [InlineData("""{"rope_parameters": {"rope_type": "default"}, "rope_scaling": {"rope_type": "mrope", "factor": 4.0}}""", "rope_scaling.rope_type is \"mrope\"")]
    [InlineData("""{"layer_types": ["full_attention", "sliding_attention"], "sliding_window": 16}""", "layer_types is \"sliding_attention\"")]
    public void What_a_section_says_beyond_what_is_read_is_refused_by_name(string settings, string message) =>
        Assert.Contains(message, Assert.Throws<UnsupportedModelException>(() => Read("llama", settings, [])).Message, StringComparison.Ordinal);

    /// <summary>As transformers 5.12 prints them for these.</summary>
    [Theory]
    [InlineData("""{"rope_parameters": {"rope_theta": 1e6, "rope_type": "default"}, "rope_scaling": {"rope_type": "linear", "factor": 4.0}}""", 4, 10000, 1)]
    [InlineData("""{"rope_theta": 5e5, "rope_parameters": {"rope_theta": 1e6, "rope_type": "default"}, "rope_scaling": {"rope_type": "linear", "factor": 4.0}}""", 4, 500000, 1)]
    [InlineData("""{"rope_parameters": {"rope_theta": 1e6, "rope_type": "default"}, "rope_scaling": {"rope_type": "linear", "factor": 4.0, "rope_theta": 7.0}}""", 4, 7, 1)]
    [InlineData("""{"rope_parameters": {"rope_theta": 1e6, "rope_type": "linear", "factor": 2.0}, "rope_scaling": {}}""", 2, 1000000, 0)]
    [InlineData("""{"rope_parameters": {"rope_theta": 1e4, "rope_type": "linear", "factor": 2.0}, "rope_scaling": {"type": "linear", "factor": 3}}""", 3, 10000, 1)]
    public void Rope_scaling_takes_the_place_of_all_of_rope_parameters(string settings, double factor, double theta, int remarks)
    {
        List<string> said = [];
        ModelConfig config = Read("llama", settings, said, "rope_theta");
        Assert.Equal((new LinearScaling(factor), theta), ((LinearScaling)config.Layers[0].Rotary!.Scaling!, config.Layers[0].Rotary!.Theta));
        Assert.Equal(remarks, said.Count);
    }

    [Theory]
    [InlineData("{}", 64)]
    [InlineData("""{"original_max_position_embeddings": 99}""", 99)]
    public void The_outer_original_context_goes_before(string outer, int expected)
    {
        JsonObject settings = JsonNode.Parse(outer)!.AsObject();
        settings["rope_scaling"] = JsonNode.Parse("""{"rope_type": "llama3", "factor": 4, "low_freq_factor": 1, "high_freq_factor": 4, "original_max_position_embeddings": 64}""");
        Assert.Equal(expected, ((Llama3Scaling)Read("llama", settings.ToJsonString(), []).Layers[0].Rotary!.Scaling!).OriginalContextLength);
    }

    /// <summary>A setting whose name speaks of the arithmetic is refused, whatever it is, unless its value changes nothing.</summary>
    [FsCheck.Xunit.Property(MaxTest = 100)]
    public FsCheck.Property A_new_setting_of_the_arithmetic_is_refused() =>
        Prop.ForAll(
            Gen.Elements("rope", "attention", "norm", "logit_cap", "residual_multiplier", "kv_heads_shared", "window_size", "moe", "embed_scale").ToArbitrary(),
            Gen.Elements("alpha", "x", "v2", "mode").ToArbitrary(),
            Gen.Elements<string>("2", "0.5", "true", "\"on\"", "[1]", "null", "false", "0", "0.0", "[]", "{}", "\"\"").ToArbitrary(),
            (word, other, value) =>
            {
                bool changesNothing = value is "null" or "false" or "0" or "0.0" or "[]" or "{}" or "\"\"";
                foreach (string name in (string[])[$"{word}_{other}", $"new_{word}_{other}"])
                {
                    List<string> remarks = [];
                    Exception? error = Record.Exception(() => Read("qwen2", $$"""{"{{name}}": {{value}}}""", remarks));
                    if (changesNothing ? error is not null || remarks.Count > 0 : error is not UnsupportedModelException refused || !refused.Message.Contains(name, StringComparison.Ordinal))
                        return false;
                }
                return true;
            });

    [Fact]
    public void A_name_that_says_nothing_of_arithmetic_is_passed_over_with_a_remark()
    {
        List<string> remarks = [];
        Read("llama", """{"my_note": 3, "license": "mit", "owner": null}""", remarks);
        Assert.EndsWith("not known and passed over: license, my_note", Assert.Single(remarks), StringComparison.Ordinal);
    }

    [Fact]
    public void A_window_that_Llama_does_not_have_is_remarked_on()
    {
        List<string> remarks = [];
        Assert.Equal(new int?[TinyModel.Layers], Read("llama", """{"sliding_window": 16}""", remarks).Layers.Select(layer => layer.SlidingWindow));
        Assert.Contains("sliding_window is not used", Assert.Single(remarks), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("qwen2", """{"use_sliding_window": true, "sliding_window": null, "max_window_layers": 0}""")]
    [InlineData("qwen3", """{"use_sliding_window": true, "sliding_window": null, "layer_types": ["sliding_attention", "full_attention"]}""")]
    [InlineData("mistral", """{"sliding_window": null, "layer_types": ["full_attention", "full_attention"]}""")]
    [InlineData("llama", """{"sliding_window": null}""")]
    public void A_window_of_null_is_none(string architecture, string settings) =>
        Assert.Equal(new int?[TinyModel.Layers], Read(architecture, settings, []).Layers.Select(layer => layer.SlidingWindow));

    [Theory]
    [InlineData("attn_logit_softcapping", 30f, "llama.attn_logit_softcapping is 30")]
    [InlineData("attention.scale", 1f, "llama.attention.scale is 1")]
    [InlineData("attention.causal", false, "llama.attention.causal is false")]
    [InlineData("attention.causal", true, null)]
    [InlineData("logit_scale", 0.5f, "llama.logit_scale is 0.5")]
    [InlineData("rope.scaling.attn_factor", 1.3f, "llama.rope.scaling.attn_factor is 1.3")]
    [InlineData("rope.scaling.type", "su", "llama.rope.scaling.type is \"su\"")]
    [InlineData("embedding_scale", 12f, "llama.embedding_scale is 12")]
    [InlineData("expert_count", 8u, "llama.expert_count is 8")]
    [InlineData("attention.scale", 0f, null)]
    [InlineData("attention.scale", 0.35355338f, null)]
    [InlineData("logit_scale", 1f, null)]
    [InlineData("rope.scaling.attn_factor", 1f, null)]
    [InlineData("expert_count", 0u, null)]
    [InlineData("tensor_data_layout", "Meta AI original pth", null)]
    public void Gguf_settings_are_judged_alike(string name, object value, string? message)
    {
        GgufWriter writer = new TinyModel().Gguf();
        writer.Metadata[$"llama.{name}"] = value;
        string path = _folder.Write("model.gguf", writer.ToBytes());
        if (message is not null)
        {
            Assert.Contains(message, Assert.Throws<UnsupportedModelException>(() => ModelFiles.Open(path)).Message, StringComparison.Ordinal);
            return;
        }
        using ModelFiles files = ModelFiles.Open(path);
        Assert.Empty(files.Remarks);
    }

    /// <summary>As llama.cpp reads them: a factor without a type is linear, 0 is none, the newer name goes before the older.</summary>
    [Theory]
    [InlineData(null, 4f, null, 4)]
    [InlineData(null, 0f, null, 1)]
    [InlineData(null, null, 3f, 3)]
    [InlineData(null, 4f, 3f, 4)]
    [InlineData("linear", 4f, null, 4)]
    [InlineData("linear", null, null, 1)]
    [InlineData("none", 4f, null, 1)]
    public void Gguf_scaling_without_a_type_is_linear(string? type, float? factor, float? older, double expected)
    {
        GgufWriter writer = new TinyModel().Gguf();
        foreach ((string name, object? value) in new (string, object?)[] { ("rope.scaling.type", type), ("rope.scaling.factor", factor), ("rope.scale_linear", older) })
        {
            if (value is not null)
                writer.Metadata[$"llama.{name}"] = value;
        }
        using ModelFiles files = ModelFiles.Open(_folder.Write("model.gguf", writer.ToBytes()));
        Assert.Equal(expected == 1 ? null : new LinearScaling(expected), files.Config.Layers[0].Rotary!.Scaling);
    }

    private ModelConfig Read(string architecture, string settings, List<string> remarks, params string[] without) =>
        TinyModel.ReadConfig(_folder, architecture, settings, remarks, without);
}
