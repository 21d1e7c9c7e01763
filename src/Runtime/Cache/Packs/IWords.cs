namespace TailorKV.Runtime.Cache.Packs;

/// <summary>A vector of words, one a lane, as wide as a register of the machine. A word is a pair of numbers, or the sum of products of pairs.</summary>
internal unsafe interface IWords<TSelf>
    where TSelf : struct, IWords<TSelf>
{
    /// <summary>Words of a vector.</summary>
    static abstract int Count { get; }

    /// <summary>Bytes of a word.</summary>
    static abstract int Bytes { get; }

    static abstract TSelf Load(byte* source);

    /// <summary>One word in all lanes.</summary>
    static abstract TSelf Repeat(byte* word);

    /// <summary>A sum to begin with, the same in all lanes: as many of its bits as a word has.</summary>
    static abstract TSelf Sum(int sum);

    /// <summary>Sixteen bytes that <see cref="LookUp"/> reads, the first of them 0.</summary>
    static abstract TSelf Table(byte* bytes);

    /// <summary>The lowest bits of each number.</summary>
    /// <param name="words">The numbers.</param>
    /// <param name="ones">At most eight ones for the bits that are left.</param>
    static abstract TSelf And(TSelf words, byte ones);

    /// <summary>Some bits of other numbers put to those of these.</summary>
    /// <param name="words">The numbers, without those bits.</param>
    /// <param name="others">The others.</param>
    /// <param name="ones">At most eight ones for the bits that are taken.</param>
    static abstract TSelf OrBits(TSelf words, TSelf others, byte ones);

    /// <summary>Shifts each number to lower bits; in the upper ones there may be anything.</summary>
    static abstract TSelf ShiftRight(TSelf words, int bits);

    /// <summary>The two halves of each number exchanged.</summary>
    static abstract TSelf SwapHalves(TSelf words);

    /// <summary>For each number, below 16, what the table has there.</summary>
    static abstract TSelf LookUp(TSelf table, TSelf indices);

    /// <summary>The products of the numbers of pairs, none below 0, with those of factors, added to each other and to a sum.</summary>
    static abstract TSelf AddProducts(TSelf pairs, TSelf factors, TSelf sums);

    /// <summary>destination[lane] += sum * (scales[lane] * step).</summary>
    static abstract void AddScaled(TSelf sums, float* scales, float step, float* destination);
}
