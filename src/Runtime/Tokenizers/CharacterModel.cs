using System.Text;

namespace TailorKV.Runtime.Tokenizers;

/// <summary>A byte-pair encoding whose merging starts from a word's characters, as Llama 2's and Mistral's; those that no entry has become byte tokens.</summary>
internal sealed class CharacterModel : BytePairModel
{
    private readonly Dictionary<string, int> vocabulary;
    private readonly Dictionary<Rune, int> characterIds = [];
    private readonly int?[]? byteIds;
    private readonly int? unknown;
    private readonly bool fusesUnknown;
    private readonly bool ignoresMerges;

    /// <inheritdoc cref="BytePairModel(Dictionary{string, int}, IReadOnlyList{ValueTuple{string, string}}, string)"/>
    /// <param name="vocabulary">Id of each entry.</param>
    /// <param name="mergePairs">Pairs of entries, best first.</param>
    /// <param name="ignoresMerges">Whether a word that is an entry becomes that token without merging.</param>
    /// <param name="fallsBackToBytes">Whether a character without an entry becomes the entries <c>&lt;0x00&gt;</c> ... <c>&lt;0xFF&gt;</c> of its bytes, where there are all of them.</param>
    /// <param name="unknown">The token of a character without any of that, or null: it is dropped.</param>
    /// <param name="fusesUnknown">Whether neighbouring ones become one token.</param>
    /// <param name="file">For error messages.</param>
    public CharacterModel(
        Dictionary<string, int> vocabulary,
        IReadOnlyList<(string Left, string Right)> mergePairs,
        bool ignoresMerges,
        bool fallsBackToBytes,
        int? unknown,
        bool fusesUnknown,
        string file)
        : base(vocabulary, mergePairs, file)
    {
        this.vocabulary = vocabulary;
        this.unknown = unknown;
        this.fusesUnknown = fusesUnknown;
        this.ignoresMerges = ignoresMerges;
        foreach ((string entry, int id) in vocabulary)
        {
            if (Rune.DecodeFromUtf16(entry, out Rune rune, out int length) == System.Buffers.OperationStatus.Done && length == entry.Length)
                characterIds[rune] = id;
        }
        if (fallsBackToBytes)
            byteIds = [.. Enumerable.Range(0, 256).Select(value => vocabulary.TryGetValue(ByteToken(value), out int id) ? (int?)id : null)];
    }

    /// <summary>The entry of a byte.</summary>
    public static string ByteToken(int value) => $"<0x{value:X2}>";

    public override int[] EncodeWord(ReadOnlySpan<char> word)
    {
        if (ignoresMerges && vocabulary.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(word, out int whole))
            return [whole];
        var symbols = new List<Symbol>(word.Length);
        int? waiting = null;
        Span<byte> bytes = stackalloc byte[4];
        foreach (Rune rune in word.EnumerateRunes())
        {
            Span<byte> encoded = bytes[..rune.EncodeToUtf8(bytes)];
            if (characterIds.TryGetValue(rune, out int id))
            {
                if (waiting is { } before)
                    symbols.Add(new Symbol { Length = 1, Id = before });
                waiting = null;
                symbols.Add(new Symbol { Length = 1, Id = id });
            }
            else if (byteIds is not null && HasAll(encoded))
            {
                // As in the tokenizers library, an unknown character that waits to be fused comes after these.
                foreach (byte value in encoded)
                    symbols.Add(new Symbol { Length = 1, Id = byteIds[value]!.Value });
            }
            else if (unknown is not null)
            {
                if (waiting is { } before && !fusesUnknown)
                    symbols.Add(new Symbol { Length = 1, Id = before });
                waiting = unknown;
            }
        }
        if (waiting is { } last)
            symbols.Add(new Symbol { Length = 1, Id = last });
        return Merge(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(symbols));
    }

    private bool HasAll(ReadOnlySpan<byte> bytes)
    {
        foreach (byte value in bytes)
        {
            if (byteIds![value] is null)
                return false;
        }
        return true;
    }
}
