using System.Text;

namespace TailorKV.Runtime.Tokenizers;

/// <summary>Decodes tokens one at a time: text comes out as soon as its characters are complete, since a character may span several tokens.</summary>
/// <param name="tokenizer">Whose tokens come.</param>
/// <param name="skipSpecial">Whether to leave special tokens out.</param>
/// <param name="startsText">
/// Whether the tokens start a text, instead of going on from one: then a space that encoding puts before every text is left out, as in
/// <see cref="Tokenizer.Decode"/>.
/// </param>
public sealed class TokenStream(Tokenizer tokenizer, bool skipSpecial = false, bool startsText = false)
{
    private readonly bool opensAnew = startsText;
    private bool opens = startsText;
    private readonly Decoder decoder = Encoding.UTF8.GetDecoder();

    /// <summary>Adds a token and returns the text that it completes, often all of its own, sometimes nothing yet.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The id is not in the vocabulary.</exception>
    public string Append(int id)
    {
        bool isSkipped = skipSpecial && tokenizer.IsSpecial(id);
        ReadOnlySpan<byte> piece = isSkipped ? [] : opens ? tokenizer.OpeningPiece(id) : tokenizer.Piece(id);
        opens = opensAnew && tokenizer.Opens(opens && isSkipped, id);
        return Convert(piece, flush: false);
    }

    /// <summary>Ends the text: U+FFFD for a character left incomplete, else nothing. The stream can then be used anew.</summary>
    public string Finish()
    {
        opens = opensAnew;
        return Convert([], flush: true);
    }

    private string Convert(ReadOnlySpan<byte> bytes, bool flush)
    {
        var chars = new char[decoder.GetCharCount(bytes, flush)];
        int count = decoder.GetChars(bytes, chars, flush);
        return new string(chars, 0, count);
    }
}
