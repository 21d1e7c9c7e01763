namespace TailorKV.Runtime.Architectures;

/// <summary>
/// Gemma 2 (arXiv 2408.00118): norms before and after attention and feed-forward network, GeGLU, every other layer with a window, scores and logits with soft caps, embeddings scaled by
/// sqrt(hidden size).
/// </summary>
internal class Gemma2 : Architecture
{
    /// <inheritdoc/>
    public override string Name => "gemma2";

    /// <inheritdoc/>
    public override ConfigDefaults Defaults { get; } = new(ContextLength: 8192, KvHeads: 4, HeadDim: 256, TiedEmbeddings: true);

    /// <inheritdoc/>
    public override TensorNames Tensors { get; } = TensorNames.HuggingFace with
    {
        AttentionOutputNorm = "post_attention_layernorm",
        FeedForwardNorm = "pre_feedforward_layernorm",
        FeedForwardOutputNorm = "post_feedforward_layernorm",
    };

    /// <inheritdoc/>
    public override TensorNames GgufTensors { get; } = TensorNames.Gguf with { AttentionOutputNorm = "post_attention_norm", FeedForwardOutputNorm = "post_ffw_norm" };

    /// <inheritdoc/>
    public override bool StoresNormsLessOne => true;

    /// <inheritdoc/>
    public override string ActivationName => "hidden_activation";

    /// <inheritdoc/>
    public override Activation DefaultActivation => Activation.GeluTanh;

    /// <inheritdoc/>
    public override IReadOnlyList<string> IgnoredSettings { get; } = ["hidden_act", "sliding_window_size"];

    /// <inheritdoc/>
    public override int?[] ReadWindows(ConfigValues values, int layers, ICollection<string> remarks) =>
        LayerWindows.ReadSome(values, layers, fallback: 4096, layer => layer % 2 == 0);

    /// <inheritdoc/>
    public override ModelConfig ReadScales(ConfigValues values, ModelConfig config) =>
        ReadCaps(values, config) with { QueryScale = 1 / Math.Sqrt(values.Number("query_pre_attn_scalar", 256)) };

    /// <inheritdoc/>
    public override int?[] ReadGgufWindows(ConfigValues values, int layers) => LayerWindows.ReadGguf(values, layers, fallback: 4096, period: 2);

    /// <summary>Files seldom say how scores are scaled: by the length of a head, and in the largest model by the share of a head in the hidden state, as llama.cpp has it.</summary>
    /// <inheritdoc/>
    public override ModelConfig ReadGgufScales(ConfigValues values, ModelConfig config) => ReadCaps(values, config) with
    {
        QueryScale = values.OptionalNumber("attention.scale") ?? 1 / Math.Sqrt(config.Layers.Count == LargestLayers ? (double)config.HiddenSize / config.HeadCount : config.HeadDim),
    };

    /// <summary>The soft caps where files do not say; null for none.</summary>
    protected virtual (double? Attention, double? Logits) SoftCaps => (50, 30);

    /// <summary>Layers of the largest model, of 27B parameters.</summary>
    protected virtual int LargestLayers => 46;

    // Both kinds of files call the caps the same.
    private ModelConfig ReadCaps(ConfigValues values, ModelConfig config) => config with
    {
        AttentionSoftCap = values.OptionalNumber("attn_logit_softcapping", SoftCaps.Attention),
        LogitSoftCap = values.OptionalNumber("final_logit_softcapping", SoftCaps.Logits),
        EmbeddingScale = Math.Sqrt(config.HiddenSize),
    };
}
