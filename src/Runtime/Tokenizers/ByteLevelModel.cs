using System.Text;

namespace TailorKV.Runtime.Tokenizers;

/// <summary>A byte-level byte-pair encoding: merging starts from the bytes of a word's UTF-8.</summary>
internal sealed class ByteLevelModel : BytePairModel
{
    private const int Absent = -1;
    private readonly Dictionary<string, int> vocabulary;
    private readonly int[] byteIds = new int[256];
    private readonly bool ignoresMerges;

    /// <inheritdoc cref="BytePairModel(Dictionary{string, int}, IReadOnlyList{ValueTuple{string, string}}, string)"/>
    /// <param name="vocabulary">Id of each entry, written in <see cref="ByteLevelAlphabet"/>.</param>
    /// <param name="mergePairs">Pairs of entries, best first.</param>
    /// <param name="ignoresMerges">Whether a word that is an entry becomes that token without merging.</param>
    /// <param name="unknown">The token of bytes that no entry has, or null: they are dropped, as the tokenizers library does.</param>
    /// <param name="file">For error messages.</param>
    public ByteLevelModel(Dictionary<string, int> vocabulary, IReadOnlyList<(string Left, string Right)> mergePairs, bool ignoresMerges, int? unknown, string file)
        : base(vocabulary, mergePairs, file)
    {
        this.vocabulary = vocabulary;
        this.ignoresMerges = ignoresMerges;
        for (int value = 0; value < 256; value++)
            byteIds[value] = vocabulary.TryGetValue(ByteLevelAlphabet.Letter((byte)value).ToString(), out int id) ? id : unknown ?? Absent;
    }

    public override int[] EncodeWord(ReadOnlySpan<char> word)
    {
        var bytes = new byte[Encoding.UTF8.GetByteCount(word)];
        Encoding.UTF8.GetBytes(word, bytes);
        if (ignoresMerges)
        {
            Span<char> letters = bytes.Length <= 256 ? stackalloc char[bytes.Length] : new char[bytes.Length];
            for (int i = 0; i < bytes.Length; i++)
                letters[i] = ByteLevelAlphabet.Letter(bytes[i]);
            if (vocabulary.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(letters, out int whole))
                return [whole];
        }
        var symbols = new Symbol[bytes.Length];
        int count = 0;
        for (int i = 0; i < bytes.Length; i++)
        {
            if (byteIds[bytes[i]] != Absent)
                symbols[count++] = new Symbol { Start = i, Length = 1, Id = byteIds[bytes[i]] };
        }
        return Merge(symbols.AsSpan(0, count));
    }
}
