namespace TailorKV.Runtime.Backends.Cpu.Cache.Packs;

/// <summary>
/// Levels of a unit normal for the codes of tiers, all of so few units that factors of 8 bits meet them: those of <see cref="NormalLevels"/> up to 4 bits, of 5 bits pairs of levels that lie two units apart,
/// so that a table of 16 is looked up and a bit added.
/// </summary>
internal static class TierLevels
{
    /// <summary>Units that the levels of a pair of 5 bits lie apart.</summary>
    public const byte Apart = 2;

    private const int PairedBits = 5;

    // Few numbers of units are near all levels of 4 bits: 20 leave 1.8 % more squared error than free levels, 31 leave 7 %, and 41 are the fewest that leave less than 1 %.
    private const int OuterOfFour = 20;

    // What a unit of 5 bits' levels stands for, and the lower levels of the pairs above zero: of all whole numbers up to 63 those that come nearest to the least squared error that pairs can have, 0.00295
    // (32 free levels have 0.00250).
    private const float PairedUnit = 0.08133f;

    private static readonly sbyte[] Pairs = [1, 5, 9, 13, 17, 22, 28, 36];

    // What the levels leave of a unit normal.
    private static readonly double[] SquaredErrors = [0.3634, 0.1175, 0.0346, 0.00967, 0.0030];

    /// <summary>The mean squared error that the levels leave of a unit normal.</summary>
    /// <param name="bits">1 to 5.</param>
    public static double SquaredError(int bits) => SquaredErrors[bits - 1];

    /// <summary>What a unit stands for.</summary>
    /// <param name="bits">1 to 5.</param>
    public static float Unit(int bits) => bits switch
    {
        PairedBits => PairedUnit,
        4 => NormalLevels.Unit(4, OuterOfFour),
        _ => NormalLevels.Unit(bits),
    };

    /// <summary>The levels in ascending order, in units, [2^bits].</summary>
    /// <param name="bits">1 to 5.</param>
    public static sbyte[] InUnits(int bits) => bits switch
    {
        PairedBits => [.. Pairs.SelectMany(level => new[] { level, level + Apart }).SelectMany(level => new[] { -level, level }).Order().Select(level => (sbyte)level)],
        4 => NormalLevels.InUnits(4, OuterOfFour),
        _ => NormalLevels.InUnits(bits),
    };

    /// <summary>The levels themselves.</summary>
    /// <param name="bits">1 to 5.</param>
    public static float[] Of(int bits) => [.. InUnits(bits).Select(level => level * Unit(bits))];

    /// <summary>Makes codes of numbers of levels: of 5 bits the number of the pair, and above it which of the two.</summary>
    /// <param name="codes">How many levels lie below each.</param>
    /// <param name="bits">1 to 5.</param>
    public static void Put(Span<byte> codes, int bits)
    {
        for (int i = 0; i < codes.Length && bits == PairedBits; i++)
            codes[i] = (byte)((codes[i] >> 1) | ((codes[i] & 1) << (PairedBits - 1)));
    }
}
