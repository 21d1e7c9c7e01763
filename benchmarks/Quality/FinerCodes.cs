using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Backends.Cpu.Cache.Packs;

namespace TailorKV.Quality;

/// <summary>
/// Codes of one KV head's rows said plainly: directions with a static scale and bits of their own, levels of a unit normal, and one fp16 size a token that brings the levels nearest to the row.
/// </summary>
/// <param name="scales">The usual size of a row's element in each direction.</param>
/// <param name="weights">What a squared error of an element over its scale counts in each direction.</param>
/// <param name="bits">Bits in each direction, 0 to 5.</param>
internal sealed class FinerCodes(float[] scales, float[] weights, int[] bits)
{
    /// <summary>The squared error that codes of 0 to 5 bits leave of a unit normal.</summary>
    private static readonly double[] Errors = [1, .. Enumerable.Range(1, TieredNormalFormat.MostBits).Select(TierLevels.SquaredError)];

    // Nothing is coded in a direction of no bits, and its level is 0.
    private static readonly float[][] Levels = [[0], .. Enumerable.Range(1, TieredNormalFormat.MostBits).Select(TierLevels.Of)];

    /// <summary>Puts what the codes stand for in a row's place.</summary>
    public void Rewrite(Span<float> row)
    {
        double squares = 0;
        int coded = 0;
        for (int i = 0; i < row.Length; i++)
        {
            if (bits[i] == 0)
                continue;
            double element = row[i] / scales[i];
            squares += element * element;
            coded++;
        }

        float spread = (float)Math.Sqrt(squares / Math.Max(1, coded));
        (double along, double levels) = (0, 0);
        for (int i = 0; i < row.Length; i++)
        {
            float element = row[i] / scales[i], level = spread > 0 ? Levels[bits[i]][NormalLevels.Nearest(Levels[bits[i]], element / spread)] : 0;
            along += weights[i] * level * element;
            levels += weights[i] * level * level;
            row[i] = level;
        }

        float size = levels > 0 ? (float)(Half)(along / levels) : 0;
        for (int i = 0; i < row.Length; i++)
            row[i] *= size * scales[i];
    }

    /// <summary>Bits by greed: each goes, for both channels of a pair, where it takes most of the error away.</summary>
    /// <param name="importances">What a unit of squared error counts in each pair.</param>
    /// <param name="total">Bits of all pairs together, of one of their channels.</param>
    /// <returns>Bits of each pair.</returns>
    public static int[] Greedy(IReadOnlyList<double> importances, int total)
    {
        var bits = new int[importances.Count];
        for (int spent = 0; spent < total; spent++)
        {
            int best = Enumerable.Range(0, bits.Length).MaxBy(i => bits[i] == Errors.Length - 1 ? -1 : importances[i] * (Errors[bits[i]] - Errors[bits[i] + 1]));
            bits[best]++;
        }

        return bits;
    }
}
