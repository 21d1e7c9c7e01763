using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;

namespace TailorKV.Planner.Baselines;

/// <summary>A preset of KVTuner (arXiv 2502.04420): bits of keys and values for each layer, in KIVI's layout.</summary>
public static class KVTunerPreset
{
    /// <summary>Applies a preset to a model.</summary>
    /// <param name="shape">The model's sizes.</param>
    /// <param name="name">The preset's name.</param>
    /// <param name="bits">Bits of keys and of values for each layer's index.</param>
    /// <exception cref="TailorKVException">The layers are not the model's, or a width is none that codes have.</exception>
    public static Baseline Make(ModelShape shape, string name, IReadOnlyDictionary<int, (int Keys, int Values)> bits)
    {
        if (bits.Keys.Where(layer => layer < 0 || layer >= shape.Layers).ToArray() is [int unknown, ..])
            throw new TailorKVException($"the preset {name} has a layer {unknown} and the model {shape.Layers} layers, from 0", "Give the preset of this model");
        for (int layer = 0; layer < shape.Layers; layer++)
        {
            if (!bits.TryGetValue(layer, out var pair))
                throw new TailorKVException($"the preset {name} has no layer {layer} and the model has {shape.Layers}", "Give the preset of this model");
            if (Catalogue.Kivi(pair.Keys, pair.Values) is { Keys: var keys, Values: var values } && (keys.Problem() ?? values.Problem()) is { } problem)
                throw new TailorKVException($"layer {layer} of the preset {name}: {problem}", "Give nbits_key and nbits_value these bits");
        }

        return Baseline.Of(shape, $"KVTuner {name}", "KVTuner, arXiv 2502.04420", layer => Catalogue.Kivi(bits[layer].Keys, bits[layer].Values));
    }
}
