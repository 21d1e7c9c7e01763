using TailorKV.Planner;

namespace TailorKV.Runtime.Tokenizers;

/// <summary>The vocabulary and the merges of a byte-level byte-pair encoding.</summary>
internal sealed class ByteLevelModel
{
    private const int Absent = -1;
    private readonly Dictionary<string, int> vocabulary;
    private readonly Dictionary<(int Left, int Right), (int Rank, int Id)> merges;
    private readonly int[] byteIds = new int[256];
    private readonly bool ignoresMerges;

    /// <summary>Checks the merges against the vocabulary.</summary>
    /// <param name="vocabulary">Id of each entry, written in <see cref="ByteLevelAlphabet"/>.</param>
    /// <param name="mergePairs">Pairs of entries, best first.</param>
    /// <param name="ignoresMerges">Whether a word that is an entry becomes that token without merging.</param>
    /// <param name="unknown">The token of bytes that no entry has, or null: they are dropped, as the tokenizers library does.</param>
    /// <param name="file">For error messages.</param>
    /// <exception cref="InvalidFileException">A merge names or makes an entry that the vocabulary lacks.</exception>
    public ByteLevelModel(Dictionary<string, int> vocabulary, IReadOnlyList<(string Left, string Right)> mergePairs, bool ignoresMerges, int? unknown, string file)
    {
        this.vocabulary = vocabulary;
        this.ignoresMerges = ignoresMerges;
        merges = new(mergePairs.Count);
        for (int rank = 0; rank < mergePairs.Count; rank++)
        {
            (string left, string right) = mergePairs[rank];
            merges[(Find(left), Find(right))] = (rank, Find(left + right));

            int Find(string entry) => vocabulary.TryGetValue(entry, out int id)
                ? id
                : throw new InvalidFileException(
                    file, $"The merge {rank}, '{left}' with '{right}', needs '{entry}', which the vocabulary lacks", "Use the model's original tokenizer file");
        }
        for (int value = 0; value < 256; value++)
            byteIds[value] = vocabulary.TryGetValue(ByteLevelAlphabet.Letter((byte)value).ToString(), out int id) ? id : unknown ?? Absent;
    }

    /// <summary>The ids of a word.</summary>
    public int[] EncodeWord(ReadOnlySpan<byte> word)
    {
        if (ignoresMerges)
        {
            Span<char> letters = word.Length <= 256 ? stackalloc char[word.Length] : new char[word.Length];
            for (int i = 0; i < word.Length; i++)
                letters[i] = ByteLevelAlphabet.Letter(word[i]);
            if (vocabulary.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(letters, out int whole))
                return [whole];
        }
        var symbols = new Symbol[word.Length];
        int count = 0;
        for (int i = 0; i < word.Length; i++)
        {
            if (byteIds[word[i]] != Absent)
                symbols[count++] = new Symbol { Start = i, Length = 1, Id = byteIds[word[i]], Previous = count - 2, Next = count };
        }
        if (count == 0)
            return [];
        symbols[count - 1].Next = -1;
        PairMerging.Run(symbols.AsSpan(0, count), Lookup);
        var ids = new List<int>();
        for (int i = 0; i >= 0; i = symbols[i].Next)
            ids.Add(symbols[i].Id);
        return [.. ids];
    }

    private bool Lookup(Symbol left, Symbol right, out int rank, out int id)
    {
        bool found = merges.TryGetValue((left.Id, right.Id), out (int Rank, int Id) merge);
        (rank, id) = merge;
        return found;
    }
}
