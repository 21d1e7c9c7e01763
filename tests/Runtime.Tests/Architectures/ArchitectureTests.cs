using TailorKV.Planner;
using TailorKV.Runtime.Architectures;
using TailorKV.Runtime.Architectures.Rotary;
using TailorKV.Runtime.Models;
using TailorKV.Runtime.Tests.Models;

namespace TailorKV.Runtime.Tests.Architectures;

/// <summary>What each family makes of its config.json, said and unsaid, as transformers does.</summary>
public sealed class ArchitectureTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Names_are_each_of_one_family()
    {
        Assert.Distinct(Architecture.All.Select(family => family.Name));
        Assert.Distinct(Architecture.All.Select(family => family.ModelType));
        Assert.Distinct(Architecture.All.Select(family => family.GgufName).OfType<string>());
    }

    [Theory]
    [InlineData("gemma2", 4, 256, 8192, 1e-6, 10000, true)]
    [InlineData("gemma3_text", 4, 256, 131072, 1e-6, 10000, true)]
    [InlineData("granite", 64, 1024, 2048, 1e-6, 10000, false)]
    [InlineData("olmo2", 64, 1024, 2048, 1e-5, 10000, false)]
    [InlineData("phi3", 64, 1024, 4096, 1e-5, 10000, false)]
    [InlineData("smollm3", 4, 1024, 32768, 1e-6, 2e6, true)]
    public void Absent_values_have_the_defaults_of_the_family(string type, int kvHeads, int headDim, int context, double epsilon, double theta, bool tied)
    {
        ModelConfig config = Read(
            type, """{"num_attention_heads": 64, "hidden_size": 65536}""", "num_key_value_heads", "head_dim", "max_position_embeddings", "rms_norm_eps", "rope_theta",
            "tie_word_embeddings", "hidden_act", "sliding_window");
        Assert.Equal((kvHeads, headDim, context), (config.KvHeadCount, config.HeadDim, config.ContextLength));
        Assert.Equal((epsilon, theta, tied), (config.RmsNormEpsilon, config.Layers[0].Rotary!.Theta, config.TiedEmbeddings));
    }

    [Fact]
    public void Gemma_2_has_caps_scales_and_every_other_layer_a_window()
    {
        ModelConfig config = Read("gemma2", "{}", "sliding_window", "max_position_embeddings");
        Assert.Equal((50, 30, Math.Sqrt(TinyModel.Hidden), 1 / 16.0), (config.AttentionSoftCap, config.LogitSoftCap, config.EmbeddingScale, config.QueryScale));
        Assert.Equal([4096, null], config.Layers.Select(layer => layer.SlidingWindow));
        Assert.Equal(Activation.GeluTanh, config.Activation);
        config = Read("gemma2", """{"attn_logit_softcapping": null, "final_logit_softcapping": 7.5, "query_pre_attn_scalar": 144, "sliding_window": 9, "sliding_window_size": 4096, "hidden_act": "gelu"}""");
        Assert.Equal((null, 7.5, 1 / 12.0), (config.AttentionSoftCap, config.LogitSoftCap, config.QueryScale));
        Assert.Equal([9, null], config.Layers.Select(layer => layer.SlidingWindow));
    }

    /// <summary>The two forms of configurations, older and newer.</summary>
    [Theory]
    [InlineData("""{"sliding_window_pattern": 2, "sliding_window": 9, "rope_theta": 2e6, "rope_local_base_freq": 5000, "rope_scaling": {"rope_type": "linear", "factor": 8}}""")]
    [InlineData("""
        {"layer_types": ["sliding_attention", "full_attention"], "sliding_window": 9, "rope_parameters":
        {"full_attention": {"rope_theta": 2e6, "rope_type": "linear", "factor": 8}, "sliding_attention": {"rope_theta": 5000, "rope_type": "default"}}}
        """)]
    [InlineData("""
        {"layer_types": ["sliding_attention", "full_attention"], "sliding_window": 9, "rope_scaling": {"rope_type": "linear", "factor": 8}, "rope_parameters":
        {"full_attention": {"rope_theta": 2e6, "rope_type": "default"}, "sliding_attention": {"rope_theta": 5000}}}
        """)]
    public void Gemma_3_turns_layers_with_a_window_by_a_base_of_their_own(string settings)
    {
        ModelConfig config = Read("gemma3_text", settings, "rope_theta");
        Assert.Equal(
            [new LayerConfig(9, new RotaryConfig(5000, TinyModel.HeadDim)), new LayerConfig(null, new RotaryConfig(2e6, TinyModel.HeadDim, new LinearScaling(8)))], config.Layers);
        Assert.Equal((null, null), (config.AttentionSoftCap, config.LogitSoftCap));
    }

    [Theory]
    [InlineData("""{"rope_parameters": {"rope_theta": 1e6, "rope_type": "default"}}""", "rope_parameters.rope_t")]
    [InlineData("""{"rope_parameters": {"full_attention": {"rope_type": "default", "factor": 3}}}""", "rope_parameters.full_attention.factor is 3")]
    [InlineData("""{"use_bidirectional_attention": true}""", "use_bidirectional_attention is true")]
    [InlineData("""{"hidden_activation": "relu"}""", "hidden_activation is \"relu\"")]
    public void What_Gemma_3_does_not_know_is_refused_by_name(string settings, string message) =>
        Assert.Contains(message, Assert.Throws<UnsupportedModelException>(() => Read("gemma3_text", settings)).Message, StringComparison.Ordinal);

    [Fact]
    public void Granite_multiplies_as_it_says()
    {
        ModelConfig config = Read("granite", """{"attention_multiplier": 0.2, "embedding_multiplier": 6, "residual_multiplier": 0.4, "logits_scaling": 4}""");
        Assert.Equal((0.2, 6, 0.4, 0.25), (config.QueryScale, config.EmbeddingScale, config.ResidualScale, config.LogitScale));
        config = Read("granite", "{}");
        Assert.Equal((1, 1, 1, 1), (config.QueryScale, config.EmbeddingScale, config.ResidualScale, config.LogitScale));
    }

    [Theory]
    [InlineData("{}", "yes yes")]
    [InlineData("""{"no_rope_layer_interval": 2}""", "yes no")]
    [InlineData("""{"no_rope_layers": [0, 1, 1]}""", "no yes")]
    public void Some_of_SmolLM3_s_layers_do_not_turn(string settings, string turns) =>
        Assert.Equal(turns, string.Join(' ', Read("smollm3", settings).Layers.Select(layer => layer.Rotary is null ? "no" : "yes")));

    [Fact]
    public void SmolLM3_s_windows_are_where_nothing_turns()
    {
        ModelConfig config = Read("smollm3", """{"no_rope_layer_interval": 2, "use_sliding_window": true, "sliding_window": 9}""");
        Assert.Equal([new LayerConfig(null, new RotaryConfig(10000, TinyModel.HeadDim)), new LayerConfig(9, null)], config.Layers);
    }

    [Fact]
    public void Phi_3_turns_a_part_and_has_LongRope_by_each_of_its_names()
    {
        foreach (string type in (string[])["longrope", "su", "yarn"])
        {
            ModelConfig config = Read(
                "phi3", $$"""{"partial_rotary_factor": 0.5, "original_max_position_embeddings": 32, "rope_scaling": {"type": "{{type}}", "short_factor": [1, 2], "long_factor": [3, 4]} }""");
            RotaryConfig rotary = config.Layers[1].Rotary!;
            var scaling = Assert.IsType<LongRopeScaling>(rotary.Scaling);
            Assert.Equal((4, 32, Math.Sqrt(1 + (Math.Log(4) / Math.Log(32)))), (rotary.Dimensions, scaling.OriginalContextLength, rotary.Scaling.AttentionFactor));
            Assert.Equal((double[][])[[1, 2], [3, 4]], [scaling.Short, scaling.Long]);
        }

        Assert.Contains(
            "long_factor is [3]",
            Assert.Throws<InvalidFileException>(() => Read("phi3", """{"partial_rotary_factor": 0.5, "rope_scaling": {"type": "su", "short_factor": [1, 2], "long_factor": [3]}}""")).Message,
            StringComparison.Ordinal);
        Assert.Contains("partial_rotary_factor is 0.4", Assert.Throws<InvalidFileException>(() => Read("phi3", """{"partial_rotary_factor": 0.4}""")).Message, StringComparison.Ordinal);
    }

    /// <summary>Phi 3's configurations name windows of 262,144 tokens beside contexts of 131,072: those layers see everything, and are worth planning.</summary>
    [Theory]
    [InlineData("phi3", 128, null)]
    [InlineData("phi3", 1000, null)]
    [InlineData("phi3", 127, 127)]
    [InlineData("mistral", 128, null)]
    public void A_window_as_long_as_the_longest_context_is_none(string type, int window, int? expected) =>
        Assert.Equal([expected, expected], Read(type, $$"""{"sliding_window": {{window}}}""").Layers.Select(layer => layer.SlidingWindow));

    [Theory]
    [InlineData("""{"rope_type": "yarn", "factor": 4, "original_max_position_embeddings": 128}""", 4, 128, 1.1386294, 32, 1, true, 512)]
    [InlineData("""{"type": "yarn", "factor": 4}""", 4, 128, 1.1386294, 32, 1, true, 512)]
    [InlineData("""{"rope_type": "yarn", "factor": null, "original_max_position_embeddings": 32}""", 4, 32, 1.1386294, 32, 1, true, 128)]
    [InlineData("""{"rope_type": "yarn", "factor": 40, "original_max_position_embeddings": 64, "mscale": 1.0, "mscale_all_dim": 0.707}""", 40, 64, 1.0857263, 32, 1, true, 2560)]
    [InlineData("""{"rope_type": "yarn", "factor": 2, "mscale": 0.707, "attention_factor": 1.5, "beta_fast": 16, "beta_slow": 2, "truncate": false}""", 2, 128, 1.5, 16, 2, false, 256)]
    public void Yarn_has_defaults_and_lengthens_the_context(string section, double factor, int original, double attention, double fast, double slow, bool whole, int context)
    {
        ModelConfig config = Read("qwen2", $$"""{"rope_scaling": {{section}} }""");
        var yarn = Assert.IsType<YarnScaling>(config.Layers[0].Rotary!.Scaling);
        Assert.Equal((factor, original, fast, slow, whole), (yarn.Factor, yarn.OriginalContextLength, yarn.FastTurns, yarn.SlowTurns, yarn.WholePairs));
        Assert.Equal(attention, yarn.AttentionFactor, 6);
        Assert.Equal(context, config.ContextLength);
    }

    private ModelConfig Read(string type, string changes, params string[] without) => TinyModel.ReadConfig(_folder, type, changes, [], without);
}
