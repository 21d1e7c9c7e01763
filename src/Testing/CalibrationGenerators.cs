using FsCheck;
using FsCheck.Fluent;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies.Codes;

namespace TailorKV.Testing;

/// <summary>What is known of a layer's queries, keys and values, as if it had been measured.</summary>
public static class CalibrationGenerators
{
    // Values lie mostly along so few directions.
    private const int Directions = 3;

    /// <summary>A calibration that a layer allows.</summary>
    /// <param name="layer">The layer's shape.</param>
    public static Gen<KeyCalibration> Of(LayerShape layer) => Gen.Choose(0, int.MaxValue - 1).Select(seed => Drawn(layer, seed));

    /// <summary>A calibration drawn by a seed: sizes of queries and keys from a half to two, some channels alike, and values that are large in some directions.</summary>
    /// <param name="layer">The layer's shape.</param>
    /// <param name="seed">The seed.</param>
    public static KeyCalibration Drawn(LayerShape layer, int seed)
    {
        Random random = new(seed);
        return KeyCalibration.Of(Sizes(), Sizes()).WithValues([.. Enumerable.Range(0, layer.KvHeads).Select(_ => Moments(random, layer.HeadDim))]);

        float[] Sizes() => [.. Enumerable.Range(0, layer.KvHeads * layer.HeadDim).Select(_ => random.Next(20) switch
        {
            < 4 => 1,
            _ => (float)Math.Pow(2, (2 * random.NextDouble()) - 1),
        })];
    }

    private static double[] Moments(Random random, int headDim)
    {
        var sums = new double[headDim * headDim];
        for (int i = 0; i < headDim; i++)
            sums[(i * headDim) + i] = 0.1 + random.NextDouble();
        for (int direction = 0; direction < Directions; direction++)
        {
            double[] along = [.. Enumerable.Range(0, headDim).Select(_ => (2 * random.NextDouble()) - 1)];
            for (int i = 0; i < headDim; i++)
            {
                for (int j = i; j < headDim; j++)
                    sums[(i * headDim) + j] += along[i] * along[j];
            }
        }

        var moments = new ValueMoments(headDim);
        moments.Add(sums, rows: 1);
        return moments.Means();
    }
}
