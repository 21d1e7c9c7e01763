namespace TailorKV.Runtime.Backends.Cpu.Cache.Packs;

/// <summary>
/// What each code of a format stands for before it is scaled: levels within a signed byte. Kernels multiply with how far a level lies above the lowest one, which no sign
/// has to be carried for, and add the lowest's share of a sum at once.
/// </summary>
internal sealed class CodeLevels
{
    private readonly sbyte[] _levels;

    private CodeLevels(int bits, sbyte[] levels) => (Bits, _levels) = (bits, levels);

    /// <summary>Bits of a code.</summary>
    public int Bits { get; }

    /// <summary>The lowest level, which is that of code 0.</summary>
    public int Lowest => _levels[0];

    /// <summary>The largest magnitude.</summary>
    public int Largest => Math.Max(-Lowest, _levels[^1]);

    /// <summary>Whether each level lies one above the level before it.</summary>
    public bool AreEven => _levels[^1] - Lowest == _levels.Length - 1;

    /// <summary>What a level of <see cref="Steps"/> lacks to its code.</summary>
    public static int Offset(int bits) => 1 << (bits - 1);

    /// <summary>
    /// The levels of codes each of which stands for one more than the one before. They lie on both sides of zero, so that what rounding leaves of the weights of many rows
    /// does not add up.
    /// </summary>
    public static CodeLevels Steps(int bits) => new(bits, [.. Enumerable.Range(-Offset(bits), 1 << bits).Select(level => (sbyte)level)]);

    /// <summary>The levels of codes that stand for themselves.</summary>
    /// <param name="bits">At most 4.</param>
    public static CodeLevels Codes(int bits) => new(bits, [.. Enumerable.Range(0, 1 << bits).Select(level => (sbyte)level)]);

    /// <summary>Levels of a unit normal, in units.</summary>
    public static CodeLevels Normal(int bits) => new(bits, NormalLevels.InUnits(bits));

    /// <summary>Levels of a tier's codes, in units: of 5 bits those of codes as <see cref="TierLevels.Put"/> makes them.</summary>
    public static CodeLevels OfTier(int bits)
    {
        sbyte[] ascending = TierLevels.InUnits(bits), levels = new sbyte[ascending.Length];
        byte[] codes = [.. Enumerable.Range(0, levels.Length).Select(code => (byte)code)];
        TierLevels.Put(codes, bits);
        for (int i = 0; i < codes.Length; i++)
            levels[codes[i]] = ascending[i];
        return new CodeLevels(bits, levels);
    }

    /// <summary>A code's level.</summary>
    public int Of(int code) => _levels[code];

    /// <summary>
    /// For what vectors look up, sixteen bytes a table: how far levels lie above the lowest. Where several codes fit into 4 bits, there is a table for each of them, which has the level of
    /// that code for all that the 4 bits may be. Of 5 bits the lower 4 are looked up.
    /// </summary>
    public byte[] Tables()
    {
        const int Entries = 16;
        int codes = Math.Max(1, 4 / Bits);
        return [.. Enumerable.Range(0, codes * Entries).Select(i => (byte)(_levels[((i % Entries) >> (i / Entries * Bits)) & (_levels.Length - 1)] - Lowest))];
    }
}
