namespace TailorKV.Runtime.Backends.Cpu.Cache.Packs;

/// <summary>A vector of words, one a lane, as wide as a register of the machine. A word is a pair of numbers, or the sum of products of pairs.</summary>
internal unsafe interface IWords<TSelf>
    where TSelf : struct, IWords<TSelf>
{
    /// <summary>Words of a vector.</summary>
    static abstract int Count { get; }

    /// <summary>Bytes of a word.</summary>
    static abstract int Bytes { get; }

    static abstract TSelf Load(byte* source);

    /// <summary>Puts words where <see cref="Load"/> reads them.</summary>
    static abstract void Store(TSelf words, byte* destination);

    /// <summary>One word in all lanes.</summary>
    static abstract TSelf Repeat(byte* word);

    /// <summary>A sum to begin with, the same in all lanes, cut to the bits of a word.</summary>
    static abstract TSelf Sum(int sum);

    /// <summary>Sixteen bytes that <see cref="LookUp"/> reads, the first of them 0.</summary>
    static abstract TSelf Table(byte* bytes);

    /// <summary>Keeps some bits: words &amp; ones.</summary>
    /// <param name="words">All bits.</param>
    /// <param name="ones">Ones for the bits that are left.</param>
    static abstract TSelf And(TSelf words, TSelf ones);

    /// <summary>Puts some bits of other words to those of these: words | (others &amp; ones).</summary>
    /// <param name="words">The words, without those bits.</param>
    /// <param name="others">The others.</param>
    /// <param name="ones">Ones for the bits that are taken.</param>
    static abstract TSelf OrBits(TSelf words, TSelf others, TSelf ones);

    /// <summary>Adds some bits of other words to each byte: words + (others &amp; ones).</summary>
    /// <param name="words">The words.</param>
    /// <param name="others">The others.</param>
    /// <param name="ones">Ones for the bits that are added.</param>
    static abstract TSelf AddBits(TSelf words, TSelf others, TSelf ones);

    /// <summary>Shifts the bits of each byte down; the upper bits of a byte are undefined afterwards.</summary>
    static abstract TSelf ShiftRight(TSelf words, int bits);

    /// <summary>The two halves of each byte exchanged.</summary>
    static abstract TSelf SwapHalves(TSelf words);

    /// <summary>For each byte, which must be below 16, the table's entry.</summary>
    static abstract TSelf LookUp(TSelf table, TSelf indices);

    /// <summary>Each number's lower byte as a number; a number of one byte itself.</summary>
    static abstract TSelf LowerBytes(TSelf words);

    /// <summary>Each number's upper byte as a number; not used where numbers have one byte.</summary>
    static abstract TSelf UpperBytes(TSelf words);

    /// <summary>sums[lane] += first of pair * first of factors + second of pair * second of factors; the numbers of pairs are not negative.</summary>
    static abstract TSelf AddProducts(TSelf pairs, TSelf factors, TSelf sums);

    /// <summary>Adds sums of products.</summary>
    static abstract TSelf AddSums(TSelf sums, TSelf others);

    /// <summary>destination[lane] += sum * (scales[lane] * step).</summary>
    static abstract void AddScaled(TSelf sums, float* scales, float step, float* destination);
}
