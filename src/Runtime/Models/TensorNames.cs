namespace TailorKV.Runtime.Models;

/// <summary>What a model file calls its tensors. Names of layers' tensors follow <see cref="Layer"/> and the layer's number.</summary>
internal sealed record TensorNames(
    string Embedding, string FinalNorm, string Output, string Layer, string AttentionNorm, string Query, string Key, string Value, string AttentionOutput,
    string QueryNorm, string KeyNorm, string MlpNorm, string Gate, string Up, string Down)
{
    /// <summary>The names of transformers, which stand below one name or none.</summary>
    /// <param name="prefix">What stands before the names of all but the output matrix: "model." in most checkpoints, nothing in those of the model without its head.</param>
    /// <param name="output">The name of the output matrix.</param>
    public static TensorNames HuggingFace(string prefix = "model.", string output = "lm_head") => new(
        $"{prefix}embed_tokens", $"{prefix}norm", output, $"{prefix}layers.", "input_layernorm", "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj",
        "self_attn.o_proj", "self_attn.q_norm", "self_attn.k_norm", "post_attention_layernorm", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj");

    public static TensorNames Gguf { get; } = new(
        "token_embd", "output_norm", "output", "blk.", "attn_norm", "attn_q", "attn_k", "attn_v", "attn_output", "attn_q_norm", "attn_k_norm", "ffn_norm",
        "ffn_gate", "ffn_up", "ffn_down");
}
