using TailorKV.Runtime.Architectures.Rotary;

namespace TailorKV.Runtime.Architectures;

/// <summary>
/// The text models of Gemma 3 (arXiv 2503.19786): Gemma 2 with norms of queries and keys in place of soft caps, windows in five layers of six, and a rotary base of their own in those.
/// </summary>
internal sealed class Gemma3 : Gemma2
{
    /// <inheritdoc/>
    public override string Name => "gemma3";

    /// <inheritdoc/>
    public override string ModelType => "gemma3_text";

    /// <inheritdoc/>
    public override ConfigDefaults Defaults { get; } = new(ContextLength: 131072, KvHeads: 4, HeadDim: 256, RopeTheta: 1e6, TiedEmbeddings: true);

    /// <inheritdoc/>
    public override TensorNames Tensors => base.Tensors with { QueryNorm = "self_attn.q_norm", KeyNorm = "self_attn.k_norm" };

    /// <inheritdoc/>
    public override TensorNames GgufTensors => base.GgufTensors with { QueryNorm = "attn_q_norm", KeyNorm = "attn_k_norm" };

    /// <inheritdoc/>
    protected override (double? Attention, double? Logits) SoftCaps => (null, null);

    /// <inheritdoc/>
    protected override int LargestLayers => 62;

    /// <inheritdoc/>
    public override int?[] ReadWindows(ConfigValues values, int layers, ICollection<string> remarks)
    {
        int period = values.Integer("sliding_window_pattern", ConfigValues.MaximumLayers, 6);
        // What transformers writes besides and does not read.
        values.Raw("_sliding_window_pattern");
        return LayerWindows.ReadSome(values, layers, fallback: 4096, layer => (layer + 1) % period != 0);
    }

    /// <summary>rope_parameters has a section for either kind of layer; in the older form rope_scaling is of those that see everything, and the others have rope_local_base_freq.</summary>
    /// <inheritdoc/>
    public override RopeConfig?[] ReadRopes(ConfigValues values, ModelConfig config, ICollection<string> remarks)
    {
        ConfigValues empty = ConfigValues.Empty(values.File), parameters = values.Section("rope_parameters") ?? empty, scaling = values.Section("rope_scaling") ?? empty;
        ConfigValues full = parameters.Section("full_attention") ?? empty, sliding = parameters.Section("sliding_attention") ?? empty;
        if (parameters.Unread.FirstOrDefault() is { } name)
            throw parameters.Unsupported(name, parameters.Raw(name)!, "Only full_attention and sliding_attention are supported there");
        RopeConfig global = RopeConfig.Of(scaling.Over(full), values, values.Number("rope_theta", Defaults.RopeTheta), config);
        RopeConfig local = RopeConfig.Of(sliding, values, values.Number("rope_local_base_freq", 10000), config);
        return [.. config.Layers.Select(layer => layer.SlidingWindow is null ? global : local)];
    }

    /// <inheritdoc/>
    public override int?[] ReadGgufWindows(ConfigValues values, int layers) => LayerWindows.ReadGguf(values, layers, fallback: null, period: 6);

    /// <inheritdoc/>
    public override RotaryConfig?[] ReadGgufRotary(ConfigValues values, RotaryConfig rotary, ModelConfig config)
    {
        RotaryConfig local = new(values.Number("rope.freq_base_swa", 10000), rotary.Dimensions);
        return [.. config.Layers.Select(layer => layer.SlidingWindow is null ? rotary : local)];
    }
}
