namespace TailorKV.Runtime.Architectures;

/// <summary>Mistral (arXiv 2310.06825): Llama with a sliding window in all layers or none. Its GGUF files say llama.</summary>
internal sealed class Mistral : Architecture
{
    /// <inheritdoc/>
    public override string Name => "mistral";

    /// <inheritdoc/>
    public override string? GgufName => null;

    /// <inheritdoc/>
    public override ConfigDefaults Defaults { get; } = new(ContextLength: 131072, KvHeads: 8);

    /// <inheritdoc/>
    public override int?[] ReadWindows(ConfigValues values, int layers, ICollection<string> remarks) => LayerWindows.ReadAll(values, layers, fallback: 4096);

    /// <inheritdoc/>
    public override ModelConfig ReadBiases(ConfigValues values, ModelConfig config) => ReadNoBiases(values, config);
}
