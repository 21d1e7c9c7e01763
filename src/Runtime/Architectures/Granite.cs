namespace TailorKV.Runtime.Architectures;

/// <summary>Granite 3 and later: Llama with multipliers of embeddings, scores, what layers add, and logits.</summary>
internal sealed class Granite : Architecture
{
    /// <inheritdoc/>
    public override string Name => "granite";

    /// <inheritdoc/>
    public override ConfigDefaults Defaults { get; } = new(ContextLength: 2048);

    /// <inheritdoc/>
    public override ModelConfig ReadScales(ConfigValues values, ModelConfig config) => config with
    {
        QueryScale = values.Number("attention_multiplier", 1),
        EmbeddingScale = values.Number("embedding_multiplier", 1),
        ResidualScale = values.Number("residual_multiplier", 1),
        LogitScale = 1 / values.Number("logits_scaling", 1),
    };
}
