namespace TailorKV.Runtime.Backends.Cpu.Cache.Packs;

/// <summary>
/// Levels of a unit normal for 5 bits, each of which is one of 16 levels plus or minus a distance that all share: so codes lie as 4 bits and 1 bit apart, and kernels of those add what both make.
/// Levels and distance have the least mean squared error that such levels can have, found as Lloyd's are: 0.00283, where 32 free ones have 0.00250 and 16 have 0.00950.
/// </summary>
internal static class SplitLevels
{
    /// <summary>Bits of a code: the lowest is the sign of the distance.</summary>
    public const int Bits = 5;

    // The density's share beyond this many standard deviations is nothing.
    private const double End = 9;
    private const int StepsPerDeviation = 2048;
    private const int Half = 1 << (Bits - 2);

    private static readonly double[] Densities = [.. Enumerable.Range(0, (int)(End * StepsPerDeviation) + 1).Select(i => Density((double)i / StepsPerDeviation))];

    private static readonly double[] Shares = SharesBelow();

    private static readonly (double[] Levels, double Distance) Best = Compute();

    /// <summary>What a unit of the split levels stands for.</summary>
    public static float Unit { get; } = (float)(Best.Levels[^1] / sbyte.MaxValue);

    /// <summary>The distance of a level from the one it splits.</summary>
    public static float Distance { get; } = (float)Best.Distance;

    /// <summary>The levels that are split, in ascending order, in units.</summary>
    public static IReadOnlyList<sbyte> InUnits { get; } = [.. Best.Levels.Reverse().Select(level => -level).Concat(Best.Levels).Select(level => (sbyte)Math.Round(level / Unit))];

    /// <summary>The 32 levels in ascending order, by their codes.</summary>
    public static float[] All { get; } = [.. InUnits.SelectMany(level => new[] { (level * Unit) - Distance, (level * Unit) + Distance })];

    private static (double[] Levels, double Distance) Compute()
    {
        double distance = 0.05;
        double[] levels = [.. Enumerable.Range(0, Half).Select(i => (i + 0.5) * 3 / Half)];
        for (int iteration = 0; iteration < 4000; iteration++)
        {
            double[] split = [.. levels.SelectMany(level => new[] { level - distance, level + distance })];
            double[] edges = [0, .. split.Zip(split.Skip(1), (a, b) => (a + b) / 2), End];
            double[] shares = [.. edges.Zip(edges.Skip(1), (a, b) => ShareBelow(b) - ShareBelow(a))], sums = [.. edges.Zip(edges.Skip(1), (a, b) => Density(a) - Density(b))];
            double apart = 0;
            for (int i = 0; i < Half; i++)
            {
                (double share, double upperShare) = (shares[2 * i], shares[(2 * i) + 1]);
                (double sum, double upperSum) = (sums[2 * i], sums[(2 * i) + 1]);
                levels[i] = (sum + upperSum + (distance * (share - upperShare))) / (share + upperShare);
                apart += upperSum - sum + (levels[i] * (share - upperShare));
            }

            distance = 2 * apart;
        }

        return (levels, distance);
    }

    private static double Density(double x) => Math.Exp(-x * x / 2) / Math.Sqrt(2 * Math.PI);

    /// <summary>P(0 below X below x), between steps by the densities there.</summary>
    private static double ShareBelow(double x)
    {
        int step = Math.Min((int)(x * StepsPerDeviation), Shares.Length - 1);
        double beyond = x - ((double)step / StepsPerDeviation);
        return Shares[step] + (beyond * (Densities[step] + Density(x)) / 2);
    }

    private static double[] SharesBelow()
    {
        var shares = new double[Densities.Length];
        for (int i = 1; i < shares.Length; i++)
            shares[i] = shares[i - 1] + ((Densities[i - 1] + Densities[i]) / 2 / StepsPerDeviation);
        return shares;
    }
}
