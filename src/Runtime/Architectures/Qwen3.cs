namespace TailorKV.Runtime.Architectures;

/// <summary>Qwen 3 (arXiv 2505.09388): Qwen 2 with norms of queries and keys, and biases where they are asked for.</summary>
internal sealed class Qwen3 : Qwen2
{
    /// <inheritdoc/>
    public override string Name => "qwen3";

    /// <inheritdoc/>
    public override ConfigDefaults Defaults { get; } = new(ContextLength: 32768, KvHeads: 32, HeadDim: 128);

    /// <inheritdoc/>
    public override TensorNames Tensors { get; } = TensorNames.HuggingFace with { QueryNorm = "self_attn.q_norm", KeyNorm = "self_attn.k_norm" };

    /// <inheritdoc/>
    public override TensorNames GgufTensors { get; } = TensorNames.Gguf with { QueryNorm = "attn_q_norm", KeyNorm = "attn_k_norm" };

    /// <inheritdoc/>
    public override ModelConfig ReadBiases(ConfigValues values, ModelConfig config) => ReadAnyBiases(values, config);
}
