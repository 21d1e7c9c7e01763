using TailorKV.Runtime.Architectures.Rotary;

namespace TailorKV.Runtime.Architectures;

/// <summary>SmolLM3: Llama with some layers where positions do not count (arXiv 2501.18795), which are the ones with a window where windows are turned on.</summary>
internal sealed class SmolLM3 : Architecture
{
    // Of so many layers the last has no rotary embedding.
    private const int UsualPeriod = 4;

    /// <inheritdoc/>
    public override string Name => "smollm3";

    /// <inheritdoc/>
    public override bool InterleavesGgufRows => true;

    /// <inheritdoc/>
    public override ConfigDefaults Defaults { get; } = new(ContextLength: 32768, KvHeads: 4, RopeTheta: 2e6, TiedEmbeddings: true);

    /// <inheritdoc/>
    public override int?[] ReadWindows(ConfigValues values, int layers, ICollection<string> remarks)
    {
        bool[] turns = Turns(values, layers);
        return LayerWindows.ReadTurnedOn(values, layers, fallback: null, layer => !turns[layer]);
    }

    /// <inheritdoc/>
    public override RopeConfig?[] ReadRopes(ConfigValues values, ModelConfig config, ICollection<string> remarks) =>
        [.. base.ReadRopes(values, config, remarks).Zip(Turns(values, config.Layers.Count), (rope, turns) => turns ? rope : null)];

    private static bool[] Turns(ConfigValues values, int layers)
    {
        int period = values.Integer("no_rope_layer_interval", ConfigValues.MaximumLayers, UsualPeriod);
        double[]? listed = values.Numbers("no_rope_layers");
        if (listed?.Length < layers)
            throw values.Wrong("no_rope_layers", values.Raw("no_rope_layers")!, $"a list of {layers} numbers, 1 for layers with a rotary embedding and 0 for those without");
        return [.. Enumerable.Range(0, layers).Select(layer => listed is null ? (layer + 1) % period != 0 : listed[layer] != 0)];
    }

    /// <inheritdoc/>
    public override RotaryConfig?[] ReadGgufRotary(ConfigValues values, RotaryConfig rotary, ModelConfig config) =>
        [.. config.Layers.Select((_, layer) => (layer + 1) % UsualPeriod != 0 ? rotary : null)];
}
