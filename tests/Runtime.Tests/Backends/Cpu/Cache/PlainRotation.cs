using TailorKV.Runtime.Backends.Cpu.Cache.Packs;

namespace TailorKV.Runtime.Tests.Backends.Cpu.Cache;

/// <summary>Rotated codes said plainly: the Hadamard matrix in Sylvester's order, and the levels that quantize a unit normal best, found by their definition.</summary>
internal static class PlainRotation
{
    private static readonly Dictionary<int, double[]> LevelsOfBits = Enumerable.Range(1, 4).ToDictionary(bits => bits, Lloyd);

    public static double[] Levels(int bits) => LevelsOfBits[bits];

    /// <summary>The orthonormal matrix times a row, in blocks of the largest power of two that divides its length; its own inverse.</summary>
    public static double[] Rotate(double[] row)
    {
        int block = row.Length & -row.Length;
        return [.. row.Chunk(block).SelectMany(part => Enumerable.Range(0, block).Select(i =>
            part.Select((x, j) => (int.PopCount(i & j) % 2 == 0 ? 1.0 : -1.0) * x).Sum() / Math.Sqrt(block)))];
    }

    /// <summary>
    /// The same in single precision by halves: [A B] becomes [H(A) + H(B), H(A) - H(B)]. Codes near a threshold need the very roundings of single precision,
    /// and the sums of this recursion are the only ones there are.
    /// </summary>
    public static float[] Rotate(float[] row)
    {
        int block = row.Length & -row.Length;
        float scale = 1 / MathF.Sqrt(block);
        return [.. row.Chunk(block).SelectMany(Halves).Select(x => x * scale)];

        static float[] Halves(float[] part)
        {
            if (part.Length == 1)
                return part;
            float[] first = Halves(part[..(part.Length / 2)]), second = Halves(part[(part.Length / 2)..]);
            return [.. first.Zip(second, (x, y) => x + y), .. first.Zip(second, (x, y) => x - y)];
        }
    }

    /// <summary>A row after coding and decoding by normal levels: its norm in fp16, and the nearest level of each element over norm / sqrt(length).</summary>
    public static float[] NormalCoded(float[] row, int bits)
    {
        // The product's own levels, which have a test of their own, and its very roundings: of an element near a threshold the sixth digit decides its code.
        float[] levels = NormalLevels.Of(bits);
        float deviation = (float)(Half)Math.Sqrt(row.Sum(x => (double)x * x)) * (1 / MathF.Sqrt(row.Length)), inverse = deviation > 0 ? 1 / deviation : 0;
        return [.. row.Select(x => deviation * levels[levels.Skip(1).Zip(levels, (above, below) => (below + above) / 2).Count(threshold => x * inverse > threshold)])];
    }

    // Lloyd's two steps in turn: thresholds half way between levels, and each level the mean of the density between its thresholds.
    private static double[] Lloyd(int bits)
    {
        double[] levels = [.. Enumerable.Range(0, 1 << bits).Select(i => -2.5 + (5 * (i + 0.5) / (1 << bits)))];
        for (int round = 0; round < 1_500; round++)
        {
            double[] thresholds = [-9, .. levels.Skip(1).Zip(levels, (above, below) => (above + below) / 2), 9];
            levels = [.. Enumerable.Range(0, levels.Length).Select(i => Mean(thresholds[i], thresholds[i + 1]))];
        }

        return levels;
    }

    private static double Mean(double from, double to)
    {
        const int Steps = 1_000;
        double mass = 0, moment = 0;
        for (int i = 0; i < Steps; i++)
        {
            double x = from + ((to - from) * (i + 0.5) / Steps);
            double density = Math.Exp(-x * x / 2);
            (mass, moment) = (mass + density, moment + (density * x));
        }

        return moment / mass;
    }
}
