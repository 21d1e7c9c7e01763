using System.Text;

namespace TailorKV.Runtime.Tokenizers;

/// <summary>Decodes tokens one at a time: text comes out as soon as its characters are complete, since a character may span several tokens.</summary>
/// <param name="tokenizer">Whose tokens come.</param>
/// <param name="skipSpecial">Whether to leave special tokens out.</param>
public sealed class TokenStream(Tokenizer tokenizer, bool skipSpecial = false)
{
    private readonly Decoder decoder = Encoding.UTF8.GetDecoder();

    /// <summary>Adds a token and returns the text that it completes, often all of its own, sometimes nothing yet. A space at the start is kept.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The id is not in the vocabulary.</exception>
    public string Append(int id) => Convert(skipSpecial && tokenizer.IsSpecial(id) ? [] : tokenizer.Piece(id), flush: false);

    /// <summary>Ends the text: U+FFFD for a character left incomplete, else nothing. The stream can then be used anew.</summary>
    public string Finish() => Convert([], flush: true);

    private string Convert(ReadOnlySpan<byte> bytes, bool flush)
    {
        var chars = new char[decoder.GetCharCount(bytes, flush)];
        int count = decoder.GetChars(bytes, chars, flush);
        return new string(chars, 0, count);
    }
}
