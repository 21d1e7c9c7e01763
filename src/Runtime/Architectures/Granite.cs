using TailorKV.Runtime.Architectures.Rotary;

namespace TailorKV.Runtime.Architectures;

/// <summary>Granite 3 and later: Llama with multipliers of embeddings, scores, what layers add, and logits.</summary>
internal sealed class Granite : Architecture
{
    /// <inheritdoc/>
    public override string Name => "granite";

    /// <inheritdoc/>
    public override ConfigDefaults Defaults { get; } = new(ContextLength: 2048);

    /// <inheritdoc/>
    public override bool InterleavesGgufRows => true;

    /// <inheritdoc/>
    public override ModelConfig ReadScales(ConfigValues values, ModelConfig config) => config with
    {
        QueryScale = values.Number("attention_multiplier", 1),
        EmbeddingScale = values.Number("embedding_multiplier", 1),
        ResidualScale = values.Number("residual_multiplier", 1),
        LogitScale = 1 / values.Number("logits_scaling", 1),
    };

    /// <summary>A file says of models without rotary embeddings that they were not tuned for any.</summary>
    /// <inheritdoc/>
    public override RotaryConfig?[] ReadGgufRotary(ConfigValues values, RotaryConfig rotary, ModelConfig config) =>
        values.Flag("rope.scaling.finetuned", fallback: true) ? base.ReadGgufRotary(values, rotary, config) : new RotaryConfig?[config.Layers.Count];

    /// <inheritdoc/>
    public override ModelConfig ReadGgufScales(ConfigValues values, ModelConfig config) => config with
    {
        QueryScale = values.Number("attention.scale", config.QueryScale),
        EmbeddingScale = values.Number("embedding_scale", 1),
        ResidualScale = values.Number("residual_scale", 1),
        LogitScale = 1 / values.Number("logit_scale", 1),
    };
}
