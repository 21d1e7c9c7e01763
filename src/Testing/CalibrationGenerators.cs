using FsCheck;
using FsCheck.Fluent;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies.Codes;

namespace TailorKV.Testing;

/// <summary>What is known of a layer's queries and keys, as if it had been measured.</summary>
public static class CalibrationGenerators
{
    /// <summary>A calibration that a layer allows.</summary>
    /// <param name="layer">The layer's shape.</param>
    public static Gen<KeyCalibration> Of(LayerShape layer) => Gen.Choose(0, int.MaxValue - 1).Select(seed => Drawn(layer, seed));

    /// <summary>A calibration drawn by a seed: sizes from a half to two, some channels alike.</summary>
    /// <param name="layer">The layer's shape.</param>
    /// <param name="seed">The seed.</param>
    public static KeyCalibration Drawn(LayerShape layer, int seed)
    {
        Random random = new(seed);
        return KeyCalibration.Of(Sizes(), Sizes());

        float[] Sizes() => [.. Enumerable.Range(0, layer.KvHeads * layer.HeadDim).Select(_ => random.Next(20) switch
        {
            < 4 => 1,
            _ => (float)Math.Pow(2, (2 * random.NextDouble()) - 1),
        })];
    }
}
