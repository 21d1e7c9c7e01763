using TailorKV.Planner;
using TailorKV.Runtime.Architectures;
using TailorKV.Runtime.Architectures.Rotary;
using TailorKV.Runtime.Formats;
using TailorKV.Runtime.Models;
using TailorKV.Runtime.Tests.Formats;
using TailorKV.Runtime.Weights;

namespace TailorKV.Runtime.Tests.Models;

/// <summary>What single keys of a GGUF file say, and what holds where they are absent.</summary>
public sealed class GgufConfigTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Settings_of_any_family_are_read_or_refused()
    {
        Assert.Equal(1e6, Read("llama", [("rope.freq_base", 1e6f)]).Layers[0].Rotary!.Theta);
        Assert.Equal(2, Read("llama", [("attention.head_count_kv", new[] { 2, 2, 2, 2 })]).KvHeadCount);
        AssertRefused<UnsupportedModelException>("expert_count is 8", "llama", ("expert_count", 8u));
        AssertRefused<UnsupportedModelException>("\"gemma4\"", "gemma4");
        AssertRefused<InvalidFileException>("block_count is -1", "llama", ("block_count", -1));
        AssertRefused<UnsupportedModelException>("value_length is 16", "llama", ("attention.value_length", 16u));
        AssertRefused<UnsupportedModelException>("dimension_count is 4", "llama", ("rope.dimension_count", 4u));
        AssertRefused<InvalidFileException>("dimension_count is 3", "phi3", ("rope.dimension_count", 3u));
        AssertRefused<InvalidFileException>("dimension_count is 10", "phi3", ("rope.dimension_count", 10u));
    }

    [Theory]
    [InlineData("llama", 16u, null, "1111")]
    [InlineData("llama", 0u, null, "0000")]
    [InlineData("llama", null, 2u, "0000")]
    [InlineData("qwen2", 16u, 0u, "1111")]
    [InlineData("qwen2", 16u, 1u, "0000")]
    [InlineData("qwen2", 16u, new[] { false, true, true, false }, "0110")]
    [InlineData("qwen2", 16u, new[] { true, true, true, true }, "1111")]
    [InlineData("gemma2", 16u, null, "1010")]
    [InlineData("gemma2", 16u, 3u, "1101")]
    [InlineData("gemma3", 16u, null, "1111")]
    [InlineData("gemma3", null, null, "0000")]
    public void Windows_follow_the_pattern_or_the_family(string family, object? window, object? pattern, string slides)
    {
        ModelConfig config = Read(family, [("attention.sliding_window", window), ("attention.sliding_window_pattern", pattern)]);
        Assert.Equal(slides.Select(slide => slide == '1' ? 16 : (int?)null), config.Layers.Select(layer => layer.SlidingWindow));
    }

    [Fact]
    public void Windows_that_files_left_out_are_the_familys()
    {
        Assert.Equal([4096, null, 4096, null], Read("gemma2", [("context_length", 8192u)]).Layers.Select(layer => layer.SlidingWindow));
        AssertRefused<UnsupportedModelException>("olmo2.attention.sliding_window is 16", "olmo2", ("attention.sliding_window", 16u));
        AssertRefused<InvalidFileException>("sliding_window_pattern is ", "gemma3", ("attention.sliding_window_pattern", new[] { true, false }));
    }

    [Fact]
    public void Local_layers_of_Gemma_3_turn_by_a_base_of_their_own_and_unscaled()
    {
        (string, object?)[] settings = [("attention.sliding_window", 16u), ("attention.sliding_window_pattern", 2u), ("rope.freq_base", 1e6f), ("rope.scaling.factor", 8f)];
        RotaryConfig global = new(1e6, 8, new LinearScaling(8));
        Assert.Equal([new RotaryConfig(10000, 8), global], Read("gemma3", settings).Layers.Take(2).Select(layer => layer.Rotary));
        Assert.Equal([new RotaryConfig(500, 8), global], Read("gemma3", [.. settings, ("rope.freq_base_swa", 500f)]).Layers.Take(2).Select(layer => layer.Rotary));
        AssertRefused<UnsupportedModelException>("qwen2.rope.freq_base_swa is 500", "qwen2", ("rope.freq_base_swa", 500f));
    }

    [Theory]
    [InlineData("gemma2", 4, 8)]
    [InlineData("gemma2", 46, 16)]
    [InlineData("gemma3", 46, 8)]
    [InlineData("gemma3", 62, 16)]
    public void Scores_of_the_largest_Gemmas_are_scaled_by_the_hidden_state(string family, int layers, double expected)
    {
        (string, object?)[] settings = [("block_count", (uint)layers), ("embedding_length", 64u), ("attention.key_length", 8u), ("attention.value_length", 8u)];
        ModelConfig config = Read(family, settings);
        Assert.Equal((1 / Math.Sqrt(expected), 8), (config.QueryScale, config.EmbeddingScale));
        Assert.Equal(0.25, Read(family, [.. settings, ("attention.scale", 0.25f)]).QueryScale);
    }

    [Fact]
    public void Soft_caps_and_multipliers_are_those_of_the_families_that_have_them()
    {
        ModelConfig gemma2 = Read("gemma2", []), gemma3 = Read("gemma3", [("final_logit_softcapping", 20f)]);
        Assert.Equal((50, 30), (gemma2.AttentionSoftCap, gemma2.LogitSoftCap));
        Assert.Equal((null, 20), (gemma3.AttentionSoftCap, gemma3.LogitSoftCap));
        ModelConfig granite = Read("granite", [("attention.scale", 0.5f), ("embedding_scale", 12f), ("residual_scale", 0.25f), ("logit_scale", 8f)]);
        Assert.Equal((0.5, 12, 0.25, 0.125), (granite.QueryScale, granite.EmbeddingScale, granite.ResidualScale, granite.LogitScale));
        AssertRefused<UnsupportedModelException>("qwen3.final_logit_softcapping is 20", "qwen3", ("final_logit_softcapping", 20f));
        AssertRefused<UnsupportedModelException>("smollm3.residual_scale is 0.5", "smollm3", ("residual_scale", 0.5f));
    }

    [Fact]
    public void Layers_without_rotary_embeddings_are_those_of_the_family()
    {
        Assert.Equal([false, false, false, true], Read("smollm3", []).Layers.Select(layer => layer.Rotary is null));
        Assert.DoesNotContain(Read("granite", []).Layers, layer => layer.Rotary is null);
        Assert.All(Read("granite", [("rope.scaling.finetuned", false)]).Layers, layer => Assert.Null(layer.Rotary));
        Assert.DoesNotContain(Read("llama", [("rope.scaling.finetuned", false)]).Layers, layer => layer.Rotary is null);
    }

    /// <summary>The attention factor is 0.1 ln(factor) + 1 unless the file says another, or divides it by the same of a multiple of the logarithm; what stands beside multiplies.</summary>
    [Theory]
    [InlineData(null, null, null, 1.1386294)]
    [InlineData(null, null, 1.5f, 1.7079441)]
    [InlineData(1.2f, null, null, 1.2)]
    [InlineData(null, 1f, null, 1)]
    [InlineData(null, 0f, null, 1.1386294)]
    public void Yarn_is_read_with_its_attention_factor(float? whole, float? multiplier, float? beside, double expected)
    {
        ModelConfig config = Read("qwen2",
        [
            ("rope.scaling.type", "yarn"), ("rope.scaling.factor", 4f), ("rope.scaling.original_context_length", 32u), ("rope.scaling.yarn_beta_fast", 16f),
            ("rope.scaling.yarn_attn_factor", whole), ("rope.scaling.yarn_log_multiplier", multiplier), ("rope.scaling.attn_factor", beside),
        ]);
        YarnScaling yarn = Assert.IsType<YarnScaling>(config.Layers[3].Rotary!.Scaling);
        Assert.Equal(new YarnScaling(4, 32, yarn.AttentionFactor, FastTurns: 16), yarn);
        Assert.Equal(expected, yarn.AttentionFactor, 1e-6);
    }

    [Fact]
    public void Yarn_without_an_original_context_or_extrapolation()
    {
        ModelConfig config = Read("qwen2", [("rope.scaling.type", "yarn"), ("rope.scaling.factor", 4f)]);
        Assert.Equal(128, Assert.IsType<YarnScaling>(config.Layers[0].Rotary!.Scaling).OriginalContextLength);
        Assert.Equal(512, config.ContextLength);
        AssertRefused<UnsupportedModelException>("yarn_ext_factor is 0", "qwen2", ("rope.scaling.type", "yarn"), ("rope.scaling.yarn_ext_factor", 0f));
    }

    [Fact]
    public void LongRope_is_in_tensors()
    {
        LongRopeScaling scaling = Assert.IsType<LongRopeScaling>(
            Read("phi3", [("rope.dimension_count", 4u), ("rope.scaling.original_context_length", 32u), ("rope.scaling.attn_factor", 1.19f)], LongRope(2)).Layers[0].Rotary!.Scaling);
        Assert.Equal([1, 1.5], scaling.Short);
        Assert.Equal([2, 2.5], scaling.Long);
        Assert.Equal((32, 1.19f), (scaling.OriginalContextLength, (float)scaling.AttentionFactor));
        Assert.IsType<LongRopeScaling>(Read("llama", [("rope.scaling.type", "longrope")], LongRope(4)).Layers[0].Rotary!.Scaling);
        AssertRefused<InvalidFileException>("rope_factors_short.weight\" is missing", "phi3", ("rope.scaling.type", "longrope"));
        Assert.Contains("has the shape [2]", Assert.Throws<InvalidFileException>(() => Read("phi3", [], LongRope(2))).Message, StringComparison.Ordinal);
        Assert.Contains("not positive", Assert.Throws<InvalidFileException>(() => Read("phi3", [], LongRope(4, first: -1))).Message, StringComparison.Ordinal);
        Assert.Contains("factor is 4", Assert.Throws<UnsupportedModelException>(() => Read("phi3", [("rope.scaling.factor", 4f)], LongRope(4))).Message, StringComparison.Ordinal);
    }

    /// <summary>Divisors first, first + 0.5 ... of short sessions, and one more of long ones.</summary>
    private static (string, float[])[] LongRope(int pairs, float first = 1) =>
    [
        ("rope_factors_short.weight", [.. Enumerable.Range(0, pairs).Select(pair => first + (0.5f * pair))]),
        ("rope_factors_long.weight", [.. Enumerable.Range(0, pairs).Select(pair => first + 1 + (0.5f * pair))]),
    ];

    private void AssertRefused<T>(string message, string family, params (string Key, object? Value)[] settings)
        where T : TailorKVException => Assert.Contains(message, Assert.Throws<T>(() => Read(family, settings)).Message, StringComparison.Ordinal);

    /// <summary>Reads the metadata of a model of 4 layers and heads of 8, with other settings or without.</summary>
    private ModelConfig Read(string family, (string Key, object? Value)[] settings, params (string Name, float[] Values)[] vectors)
    {
        GgufWriter writer = new();
        writer.Metadata["general.architecture"] = family;
        foreach ((string key, object? value) in (ReadOnlySpan<(string, object?)>)
        [
            ("block_count", 4u), ("embedding_length", 32u), ("feed_forward_length", 64u), ("attention.head_count", 4u), ("attention.head_count_kv", 2u), ("vocab_size", 40u),
            ("context_length", 128u), ("attention.layer_norm_rms_epsilon", 1e-5f), .. settings,
        ])
        {
            writer.Metadata.Remove($"{family}.{key}");
            if (value is not null)
                writer.Metadata[$"{family}.{key}"] = value;
        }
        foreach ((string name, float[] values) in vectors)
            writer.Add(name, WeightType.F32, [values.Length], SafetensorsWriter.Encode(WeightType.F32, values));
        using var file = GgufShards.Open(_folder.Write("model.gguf", writer.ToBytes()));
        return GgufConfig.Read(file, []);
    }
}
