using System.Text;

namespace TailorKV.Runtime.Tokenizers;

/// <summary>
/// SentencePiece's byte-pair encoding, as GGUF's <c>llama</c> model stores it: characters merge into the entry of greatest score, the leftmost among
/// equals; a space is U+2581; characters that no entry has become byte tokens.
/// </summary>
internal sealed class SentencePieceTokenizer : Tokenizer
{
    /// <summary>The sign that stands for a space in entries.</summary>
    public const char Space = '\u2581';

    private readonly Dictionary<string, (int Id, int Rank)> entries;
    private readonly int[] byteIds;
    private readonly int? unknown;
    private readonly AddedTokenMatcher added;
    private readonly bool addsSpacePrefix;
    private readonly int longestEntry;

    /// <summary>Takes over the parts.</summary>
    /// <param name="tokens">The pieces of all ids.</param>
    /// <param name="special">Begin and end tokens.</param>
    /// <param name="entries">Id and rank (0 for the greatest score) of each entry that text can become.</param>
    /// <param name="byteIds">The token of each byte, or -1.</param>
    /// <param name="unknown">The token of a byte without one; where that lacks too, the byte is dropped.</param>
    /// <param name="addedTokens">Tokens found before merging.</param>
    /// <param name="addsSpacePrefix">Whether a text starts with a space of its own, and anew after an added token.</param>
    /// <param name="file">For error messages.</param>
    public SentencePieceTokenizer(
        TokenTable tokens,
        SpecialTokens special,
        Dictionary<string, (int Id, int Rank)> entries,
        int[] byteIds,
        int? unknown,
        IEnumerable<AddedToken> addedTokens,
        bool addsSpacePrefix,
        string file)
        : base(tokens, special, addsSpacePrefix ? TextOpening.OneSpaceEach : TextOpening.AsIs)
    {
        this.entries = entries;
        this.byteIds = byteIds;
        this.unknown = unknown;
        this.addsSpacePrefix = addsSpacePrefix;
        longestEntry = entries.Keys.Select(entry => entry.Length).DefaultIfEmpty().Max();
        added = new AddedTokenMatcher(addedTokens, file);
    }

    private protected override void Encode(string text, bool parseSpecial, List<int> ids) =>
        added.Split(text, parseSpecial, ids.Add, (part, _) => EncodeText((addsSpacePrefix ? " " + part : part).Replace(' ', Space), ids));

    private void EncodeText(string text, List<int> ids)
    {
        var symbols = new Symbol[text.Length];
        int count = 0;
        for (int position = 0; position < text.Length;)
        {
            int length = char.IsHighSurrogate(text[position]) ? 2 : 1;
            symbols[count++] = new Symbol { Start = position, Length = length, Id = -1, Previous = count - 2, Next = count };
            position += length;
        }
        symbols[count - 1].Next = -1;
        Dictionary<string, (int Id, int Rank)>.AlternateLookup<ReadOnlySpan<char>> lookup = entries.GetAlternateLookup<ReadOnlySpan<char>>();
        PairMerging.Run(symbols.AsSpan(0, count), (Symbol left, Symbol right, out int rank, out int id) =>
        {
            int length = left.Length + right.Length;
            (int Id, int Rank) entry = default;
            bool found = length <= longestEntry && lookup.TryGetValue(text.AsSpan(left.Start, length), out entry);
            (id, rank) = entry;
            return found;
        });
        for (int i = 0; i >= 0; i = symbols[i].Next)
        {
            ReadOnlySpan<char> part = text.AsSpan(symbols[i].Start, symbols[i].Length);
            if (lookup.TryGetValue(part, out (int Id, int Rank) entry))
                ids.Add(entry.Id);
            else
                EncodeBytes(part, ids);
        }
    }

    private void EncodeBytes(ReadOnlySpan<char> character, List<int> ids)
    {
        Span<byte> bytes = stackalloc byte[4];
        foreach (byte value in bytes[..Encoding.UTF8.GetBytes(character, bytes)])
        {
            int id = byteIds[value] >= 0 ? byteIds[value] : unknown ?? -1;
            if (id >= 0)
                ids.Add(id);
        }
    }
}
