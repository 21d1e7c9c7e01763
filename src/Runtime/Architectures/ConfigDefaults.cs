namespace TailorKV.Runtime.Architectures;

/// <summary>What transformers takes where a config.json does not say.</summary>
/// <param name="ContextLength">For max_position_embeddings.</param>
/// <param name="KvHeads">For num_key_value_heads; null for as many as query heads.</param>
/// <param name="HeadDim">For head_dim; null for hidden_size / num_attention_heads.</param>
/// <param name="RmsNormEpsilon">For rms_norm_eps.</param>
/// <param name="RopeTheta">For rope_theta.</param>
/// <param name="TiedEmbeddings">For tie_word_embeddings.</param>
/// <param name="OriginalContextLength">For original_max_position_embeddings; null for what the section on rotary embeddings says, or else max_position_embeddings.</param>
internal sealed record ConfigDefaults(
    int ContextLength, int? KvHeads = null, int? HeadDim = null, double RmsNormEpsilon = 1e-6, double RopeTheta = 10000, bool TiedEmbeddings = false,
    int? OriginalContextLength = null);
