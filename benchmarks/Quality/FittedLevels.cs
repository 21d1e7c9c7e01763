using TailorKV.Runtime.Backends.Cpu.Cache.Packs;

namespace TailorKV.Quality;

/// <summary>Levels that bring numbers nearest by weighted squared error, by Lloyd's iteration from a unit normal's levels: weighted k-means in one dimension, as KVQuant (arXiv 2401.18079) fits its codes.</summary>
internal static class FittedLevels
{
    private const int Rounds = 40;

    /// <summary>Fits.</summary>
    /// <param name="numbers">What is to be coded.</param>
    /// <param name="weights">What a squared error of each counts; null where all count alike.</param>
    /// <param name="bits">Bits of a code.</param>
    /// <returns>Ascending levels, 2^bits.</returns>
    public static float[] Of(float[] numbers, float[]? weights, int bits)
    {
        float[] levels = NormalLevels.Of(bits);
        for (int round = 0; round < Rounds; round++)
        {
            var sums = new double[levels.Length];
            var counts = new double[levels.Length];
            for (int i = 0; i < numbers.Length; i++)
            {
                int nearest = NormalLevels.Nearest(levels, numbers[i]);
                double weight = weights?[i] ?? 1;
                sums[nearest] += weight * numbers[i];
                counts[nearest] += weight;
            }

            for (int level = 0; level < levels.Length; level++)
                levels[level] = counts[level] > 0 ? (float)(sums[level] / counts[level]) : levels[level];
        }

        return levels;
    }
}
