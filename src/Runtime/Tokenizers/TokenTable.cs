using System.Collections;

namespace TailorKV.Runtime.Tokenizers;

/// <summary>What each token id stands for. Ids that no token has stand for nothing.</summary>
internal sealed class TokenTable
{
    private readonly byte[]?[] pieces;
    private readonly BitArray added;
    private readonly BitArray special;

    public TokenTable(byte[]?[] pieces, IEnumerable<AddedToken> addedTokens)
    {
        this.pieces = pieces;
        added = new BitArray(pieces.Length);
        special = new BitArray(pieces.Length);
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
}
