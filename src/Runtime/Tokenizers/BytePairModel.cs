using TailorKV.Planner;

namespace TailorKV.Runtime.Tokenizers;

/// <summary>A vocabulary and the merges of a byte-pair encoding; what the merging starts from is for the derived classes to say.</summary>
internal abstract class BytePairModel
{
    private readonly Dictionary<(int Left, int Right), (int Rank, int Id)> merges;

    /// <summary>Checks the merges against the vocabulary.</summary>
    /// <param name="vocabulary">Id of each entry.</param>
    /// <param name="mergePairs">Pairs of entries, best first.</param>
    /// <param name="file">For error messages.</param>
    /// <exception cref="InvalidFileException">A merge names or makes an entry that the vocabulary lacks.</exception>
    protected BytePairModel(Dictionary<string, int> vocabulary, IReadOnlyList<(string Left, string Right)> mergePairs, string file)
    {
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
    }

    /// <summary>The ids of a word.</summary>
    public abstract int[] EncodeWord(ReadOnlySpan<char> word);

    /// <summary>Merges symbols that have ids, which need not be linked yet, and returns the ids left.</summary>
    protected int[] Merge(Span<Symbol> symbols)
    {
        if (symbols.IsEmpty)
            return [];
        for (int i = 0; i < symbols.Length; i++)
            (symbols[i].Previous, symbols[i].Next) = (i - 1, i + 1);
        symbols[^1].Next = -1;
        PairMerging.Run(symbols, Lookup);
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
