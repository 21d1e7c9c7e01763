namespace TailorKV.Runtime.Quantized;

/// <summary>Integers without a sign in words of 32 bits, several of one axis in a word, lowest bits first; AWQ's in an order of their own.</summary>
/// <param name="data">The words, [others, words], or [words, others] where <paramref name="wordsFirst"/>.</param>
/// <param name="words">Words of the packed axis.</param>
/// <param name="others">The length of the other.</param>
/// <param name="bits">Bits of an integer: 4 or 8.</param>
/// <param name="wordsFirst">Whether the packed axis is the outer one.</param>
/// <param name="isAwq">Whether the eight of a word lie in AWQ's order.</param>
internal sealed class PackedIntegers(uint[] data, int words, int others, int bits, bool wordsFirst, bool isAwq)
{
    private const int WordBits = 32;

    // Bit places of AWQ's eight integers: 0, 4, 1, 5, 2, 6, 3, 7 times 4.
    private static readonly int[] AwqShifts = [0, 16, 4, 20, 8, 24, 12, 28];

    private readonly int _perWord = WordBits / bits;
    private readonly uint _mask = (1u << bits) - 1;

    /// <summary>Words that so many integers take.</summary>
    public static long Words(int count, int bits) => ((count * (long)bits) + WordBits - 1) / WordBits;

    /// <summary>An integer.</summary>
    /// <param name="packed">Its place on the packed axis.</param>
    /// <param name="other">Its place on the other.</param>
    public int this[int packed, int other]
    {
        get
        {
            int word = packed / _perWord, place = packed % _perWord;
            uint found = data[wordsFirst ? ((long)word * others) + other : ((long)other * words) + word];
            return (int)((found >> (isAwq ? AwqShifts[place] : bits * place)) & _mask);
        }
    }
}
