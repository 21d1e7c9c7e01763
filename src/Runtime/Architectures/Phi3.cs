namespace TailorKV.Runtime.Architectures;

/// <summary>
/// Phi 3 to Phi 4 mini (arXiv 2404.14219): queries, keys and values in one matrix, gate and up in one, heads of which a part turns, and LongRoPE for long contexts.
/// </summary>
internal sealed class Phi3 : Architecture
{
    /// <inheritdoc/>
    public override string Name => "phi3";

    /// <inheritdoc/>
    public override ConfigDefaults Defaults { get; } = new(ContextLength: 4096, RmsNormEpsilon: 1e-5, OriginalContextLength: 4096);

    /// <inheritdoc/>
    public override TensorNames Tensors { get; } = TensorNames.HuggingFace with { QueryKeyValue = "self_attn.qkv_proj", GateUp = "mlp.gate_up_proj" };

    /// <inheritdoc/>
    public override TensorNames GgufTensors { get; } = TensorNames.Gguf with { QueryKeyValue = "attn_qkv", GateUp = "ffn_up" };

    /// <inheritdoc/>
    public override bool TurnsPartOfHeads => true;

    /// <inheritdoc/>
    public override int?[] ReadWindows(ConfigValues values, int layers, ICollection<string> remarks) => LayerWindows.ReadAll(values, layers, fallback: null);

    /// <summary>What was called su and yarn in early releases is LongRoPE.</summary>
    /// <inheritdoc/>
    public override string RopeType(string given) => given is "su" or "yarn" ? "longrope" : given;

    /// <inheritdoc/>
    public override ModelConfig ReadBiases(ConfigValues values, ModelConfig config) => ReadNoBiases(values, config);
}
