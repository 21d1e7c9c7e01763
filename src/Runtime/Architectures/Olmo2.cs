namespace TailorKV.Runtime.Architectures;

/// <summary>OLMo 2 (arXiv 2501.00656): norms after attention and feed-forward network and not before, and norms of queries and keys over all heads together.</summary>
internal sealed class Olmo2 : Architecture
{
    /// <inheritdoc/>
    public override string Name => "olmo2";

    /// <inheritdoc/>
    public override ConfigDefaults Defaults { get; } = new(ContextLength: 2048, RmsNormEpsilon: 1e-5);

    /// <inheritdoc/>
    public override TensorNames Tensors { get; } = TensorNames.HuggingFace with
    {
        AttentionNorm = null,
        QueryNorm = "self_attn.q_norm",
        KeyNorm = "self_attn.k_norm",
        AttentionOutputNorm = "post_attention_layernorm",
        FeedForwardNorm = null,
        FeedForwardOutputNorm = "post_feedforward_layernorm",
    };

    /// <inheritdoc/>
    public override TensorNames GgufTensors { get; } = TensorNames.Gguf with
    {
        AttentionNorm = null,
        QueryNorm = "attn_q_norm",
        KeyNorm = "attn_k_norm",
        AttentionOutputNorm = "post_attention_norm",
        FeedForwardNorm = null,
        FeedForwardOutputNorm = "post_ffw_norm",
    };

    /// <inheritdoc/>
    public override bool NormsHeadsTogether => true;

    /// <summary>None: files that have windows are of OLMo 3, and refused for settings that are not known.</summary>
    /// <inheritdoc/>
    public override int?[] ReadGgufWindows(ConfigValues values, int layers) => new int?[layers];
}
