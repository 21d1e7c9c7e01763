using System.Runtime.Intrinsics;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Packs;

/// <summary>
/// The levels that quantize a unit normal with the least mean squared error (Lloyd 1982, Max 1960): each level is the mean of the values nearer to it
/// than to any other. They are kept as signed bytes, in units of which the outer levels are a number that suits all others.
/// </summary>
internal static class NormalLevels
{
    // Of up to 3 bits small, so that 16 bits hold a sum of their products with 8-bit factors: the inner levels of 2 bits are 2.998 such units, which are taken for 3; those of 3 bits are
    // 2.96, 9.13 and 16.24. Of 4 bits rounding moves a level by 0.011 at the most.
    private static readonly int[] OuterLevels = [1, 10, 26, sbyte.MaxValue];

    private static readonly float[][] Tables = [.. Enumerable.Range(1, 4).Select(Compute)];

    /// <summary>The levels in ascending order, in units, [2^bits].</summary>
    /// <param name="bits">1 to 4.</param>
    public static sbyte[] InUnits(int bits) => InUnits(bits, OuterLevels[bits - 1]);

    /// <summary>The levels in ascending order, in units of which the outer one is as many as asked for.</summary>
    public static sbyte[] InUnits(int bits, int outer) => [.. Tables[bits - 1].Select(level => (sbyte)MathF.Round(level / Unit(bits, outer)))];

    /// <summary>What a unit stands for.</summary>
    /// <param name="bits">1 to 4.</param>
    public static float Unit(int bits) => Unit(bits, OuterLevels[bits - 1]);

    /// <summary>What a unit stands for of which the outer level is as many as asked for.</summary>
    public static float Unit(int bits, int outer) => Tables[bits - 1][^1] / outer;

    /// <summary>The levels themselves.</summary>
    /// <param name="bits">1 to 4.</param>
    public static float[] Of(int bits) => [.. InUnits(bits).Select(level => level * Unit(bits))];

    /// <summary>The codes of the levels nearest to values * factor: of each, how many of the thresholds half way between levels it lies above.</summary>
    /// <param name="levels">The levels.</param>
    /// <param name="values">The values.</param>
    /// <param name="factor">What each is multiplied with.</param>
    /// <param name="codes">As many codes.</param>
    public static void Nearest(ReadOnlySpan<float> levels, ReadOnlySpan<float> values, float factor, Span<byte> codes)
    {
        int i = 0;
        for (; i <= values.Length - Vector256<float>.Count; i += Vector256<float>.Count)
        {
            Vector256<float> scaled = Vector256.Create(values[i..]) * factor;
            Vector256<int> above = default;
            for (int level = 1; level < levels.Length; level++)
                above -= Vector256.GreaterThan(scaled, Vector256.Create((levels[level - 1] + levels[level]) / 2)).AsInt32();
            CodeBytes.Store(above, codes[i..]);
        }

        for (; i < values.Length; i++)
            codes[i] = Nearest(levels, values[i] * factor);
    }

    /// <summary>The plain twin for one value.</summary>
    public static byte Nearest(ReadOnlySpan<float> levels, float value)
    {
        int code = 0;
        while (code < levels.Length - 1 && value > (levels[code] + levels[code + 1]) / 2)
            code++;
        return (byte)code;
    }

    private static float[] Compute(int bits)
    {
        // Symmetric, so the positive half is iterated: thresholds between levels, then levels as the means between thresholds.
        int half = 1 << (bits - 1);
        double[] levels = [.. Enumerable.Range(0, half).Select(i => 3.0 * (i + 0.5) / half)];
        for (int iteration = 0; iteration < 20_000; iteration++)
        {
            double change = 0;
            double low = 0;
            for (int i = 0; i < half; i++)
            {
                double high = i + 1 < half ? (levels[i] + levels[i + 1]) / 2 : double.PositiveInfinity;
                double mean = (Density(low) - Density(high)) / (UpperTail(low) - UpperTail(high));
                change = Math.Max(change, Math.Abs(mean - levels[i]));
                levels[i] = mean;
                low = high;
            }

            if (change < 1e-12)
                break;
        }

        return [.. levels.Reverse().Select(level => (float)-level), .. levels.Select(level => (float)level)];
    }

    private static double Density(double x) => double.IsInfinity(x) ? 0 : Math.Exp(-x * x / 2) / Math.Sqrt(2 * Math.PI);

    /// <summary>P(X > x) for x >= 0: Simpson's rule on the density up to where it vanishes in double precision.</summary>
    private static double UpperTail(double x)
    {
        const double End = 40;
        const int Steps = 4000;
        if (x >= End)
            return 0;
        double width = Math.Min(End - x, 12) / Steps;
        double sum = Density(x) + Density(x + (Steps * width));
        for (int i = 1; i < Steps; i++)
            sum += Density(x + (i * width)) * (i % 2 == 1 ? 4 : 2);
        return sum * width / 3;
    }
}
