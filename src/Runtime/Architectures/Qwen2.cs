namespace TailorKV.Runtime.Architectures;

/// <summary>Qwen 2 and 2.5 (arXiv 2412.15115): Llama with biases of queries, keys and values, and windows in the last layers where they are turned on.</summary>
internal class Qwen2 : Architecture
{
    /// <inheritdoc/>
    public override string Name => "qwen2";

    /// <inheritdoc/>
    public override ConfigDefaults Defaults { get; } = new(ContextLength: 32768, KvHeads: 32);

    /// <inheritdoc/>
    public override int?[] ReadWindows(ConfigValues values, int layers, ICollection<string> remarks)
    {
        long first = values.Raw("max_window_layers") switch
        {
            null => 28,
            long given and >= 0 => given,
            object value => throw values.Wrong("max_window_layers", value, "a number of layers"),
        };
        return LayerWindows.ReadTurnedOn(values, layers, fallback: 4096, layer => layer >= first);
    }

    /// <inheritdoc/>
    public override ModelConfig ReadBiases(ConfigValues values, ModelConfig config) => ReadNoBiases(values, config) with { HasQueryKeyValueBias = true };
}
