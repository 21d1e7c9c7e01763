using System.Collections;

namespace TailorKV.Runtime.Tokenizers;

/// <summary>What each token id stands for. Ids that no token has stand for nothing.</summary>
internal sealed class TokenTable
{
    private readonly byte[]?[] pieces;
    private readonly BitArray added;
    private readonly BitArray special;
    private readonly BitArray bytes;

    /// <summary>Takes over the pieces.</summary>
    /// <param name="pieces">The bytes of each id.</param>
    /// <param name="addedTokens">Those found in a text as a whole.</param>
    /// <param name="byteTokens">Those that are single bytes of a character, of which decoding takes runs that are not UTF-8 byte by byte.</param>
    public TokenTable(byte[]?[] pieces, IEnumerable<AddedToken> addedTokens, IEnumerable<int>? byteTokens = null)
    {
        this.pieces = pieces;
        added = new BitArray(pieces.Length);
        special = new BitArray(pieces.Length);
        bytes = new BitArray(pieces.Length);
        foreach (int id in byteTokens ?? [])
            bytes[id] = true;
        foreach (AddedToken token in addedTokens)
        {
            added[token.Id] = true;
            special[token.Id] = token.Special;
        }
    }

    public int Count => pieces.Length;

    public ReadOnlySpan<byte> Piece(int id) => pieces[id];

    public bool IsAdded(int id) => added[id];

    public bool IsSpecial(int id) => special[id];

    public bool IsByte(int id) => bytes[id];
}
