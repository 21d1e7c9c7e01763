using System.Runtime.InteropServices;
using System.Text;
using System.Text.Unicode;
using TailorKV.Runtime.Tokenizers.Unicode;

namespace TailorKV.Runtime.Tokenizers;

/// <summary>Turns text into token ids and back. Immutable to the caller and safe to use from several threads.</summary>
public abstract class Tokenizer
{
    private readonly TokenTable tokens;
    private readonly SpecialTokens special;
    private readonly TextOpening opening;

    private protected Tokenizer(TokenTable tokens, SpecialTokens special, TextOpening opening)
    {
        this.tokens = tokens;
        this.special = special;
        this.opening = opening;
        TurnEndTokens = [.. special.End.Union(TurnEnds.Find(tokens))];
    }

    /// <summary>The number of token ids: one more than the greatest.</summary>
    public int VocabularySize => tokens.Count;

    /// <summary>The token that opens a text, or null.</summary>
    public int? BeginToken => special.Begin;

    /// <summary>The token that ends a generated text, or null: the first of <see cref="EndTokens"/>.</summary>
    public int? EndToken => EndTokens.Count > 0 ? EndTokens[0] : null;

    /// <summary>Every token that the model's files say ends a generated text: a chat model often has one for the end of a turn besides the end of the text.</summary>
    public IReadOnlyList<int> EndTokens => special.End;

    /// <summary>
    /// The tokens that end a turn of a chat: <see cref="EndTokens"/>, and those special tokens whose text says so (<c>&lt;|im_end|&gt;</c>, <c>&lt;/s&gt;</c>
    /// and the like), since many files leave them out.
    /// </summary>
    public IReadOnlyList<int> TurnEndTokens { get; }

    /// <summary>Whether a plain prompt starts with <see cref="BeginToken"/>.</summary>
    public bool AddsBeginToken => special.Begin is { } begin && special.Before.Contains(begin);

    /// <summary>What was ignored in reading the tokenizer, a sentence each: token ids that the model does not have.</summary>
    public IReadOnlyList<string> Remarks => special.Remarks;

    /// <summary>Reads a Hugging Face tokenizer.json (byte-pair encodings of bytes or characters), and the begin and end tokens from the configuration files beside it.</summary>
    /// <param name="tokenizerJsonPath">The file.</param>
    /// <param name="modelVocabulary">Tokens that the model has embeddings for; added tokens from there on are ignored, with a remark.</param>
    /// <exception cref="Planner.InvalidFileException">The file is truncated, malformed or inconsistent.</exception>
    /// <exception cref="Planner.UnsupportedModelException">It uses a model, normalizer or pre-tokenizer other than the supported ones.</exception>
    public static Tokenizer FromJson(string tokenizerJsonPath, int modelVocabulary = int.MaxValue) =>
        new TokenizerJsonReader(tokenizerJsonPath, modelVocabulary).Read();

    /// <summary>Reads the tokenizer of a GGUF file from its metadata (<c>tokenizer.ggml.*</c>), models <c>gpt2</c> and <c>llama</c>.</summary>
    /// <param name="metadata">The file's key-value pairs: boxed numbers, bool, string, or arrays of those.</param>
    /// <param name="file">The file's path, for error messages.</param>
    /// <param name="modelVocabulary">Tokens that the model has embeddings for; control and user-defined tokens from there on are ignored, with a remark.</param>
    /// <exception cref="Planner.InvalidFileException">A value is missing, of another type, or inconsistent with the others.</exception>
    /// <exception cref="Planner.UnsupportedModelException">The tokenizer model or its pre-tokenizer is not among the supported ones.</exception>
    public static Tokenizer FromGguf(IReadOnlyDictionary<string, object> metadata, string file, int modelVocabulary = int.MaxValue) =>
        new GgufTokenizerReader(metadata, file, modelVocabulary).Read();

    /// <summary>The ids of a text, without a begin token.</summary>
    /// <param name="text">Any text; an unpaired surrogate counts as U+FFFD.</param>
    /// <param name="parseSpecial">Whether special tokens written out in the text become those tokens; otherwise they are plain text.</param>
    /// <exception cref="Planner.InvalidFileException">A splitting pattern of the tokenizer's file takes too long on this text.</exception>
    public IReadOnlyList<int> Encode(string text, bool parseSpecial = true)
    {
        ArgumentNullException.ThrowIfNull(text);
        var ids = new List<int>();
        Encode(CodePointText.WellFormed(text), parseSpecial, ids);
        return ids;
    }

    /// <summary>
    /// The ids of a whole prompt: <see cref="Encode(string, bool)"/> with the tokens that the model expects before and after (a begin token, rarely an end
    /// token), where the text does not write them out.
    /// </summary>
    /// <exception cref="Planner.InvalidFileException">As <see cref="Encode(string, bool)"/>.</exception>
    /// <param name="text">As in <see cref="Encode(string, bool)"/>.</param>
    /// <param name="parseSpecial">As in <see cref="Encode(string, bool)"/>.</param>
    /// <param name="continues">Whether more text follows: then the tokens after it are left out.</param>
    public IReadOnlyList<int> EncodePrompt(string text, bool parseSpecial = true, bool continues = false)
    {
        IReadOnlyList<int> ids = Encode(text, parseSpecial);
        IReadOnlyList<int> before = ids.Take(special.Before.Count).SequenceEqual(special.Before) ? [] : special.Before;
        IReadOnlyList<int> after = continues || ids.TakeLast(special.After.Count).SequenceEqual(special.After) ? [] : special.After;
        return before.Count + after.Count == 0 ? ids : [.. before, .. ids, .. after];
    }

    /// <summary>The text of the ids, the inverse of <see cref="Encode(string, bool)"/> as far as the tokenizer has one. Bytes that are not UTF-8 become U+FFFD.</summary>
    /// <param name="ids">Token ids, each less than <see cref="VocabularySize"/>.</param>
    /// <param name="skipSpecial">Whether to leave special tokens out.</param>
    /// <exception cref="ArgumentOutOfRangeException">An id is not in the vocabulary.</exception>
    public string Decode(ReadOnlySpan<int> ids, bool skipSpecial = false)
    {
        var bytes = new List<byte>();
        int runStart = 0;
        bool opens = true;
        foreach (int id in ids)
        {
            bool isSkipped = skipSpecial && IsSpecial(id);
            if (!isSkipped)
            {
                ReadOnlySpan<byte> piece = opens ? OpeningPiece(id) : Piece(id);
                if (!tokens.IsByte(id))
                    EndRun(bytes, runStart);
                bytes.AddRange(piece);
                runStart = tokens.IsByte(id) ? runStart : bytes.Count;
            }
            opens = Opens(opens && isSkipped, id);
        }
        EndRun(bytes, runStart);
        return Encoding.UTF8.GetString(CollectionsMarshal.AsSpan(bytes));
    }

    /// <summary>The bytes a token stands for: UTF-8, possibly cut within a character.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The id is not in the vocabulary.</exception>
    public ReadOnlySpan<byte> Piece(int id)
    {
        CheckId(id);
        return tokens.Piece(id);
    }

    /// <summary>Whether the token marks structure rather than text.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The id is not in the vocabulary.</exception>
    public bool IsSpecial(int id)
    {
        CheckId(id);
        return tokens.IsSpecial(id);
    }

    /// <summary>The bytes of a token that opens a text, without the space that encoding put there.</summary>
    internal ReadOnlySpan<byte> OpeningPiece(int id)
    {
        ReadOnlySpan<byte> piece = Piece(id);
        return opening switch
        {
            TextOpening.OneSpaceEach when tokens.IsAdded(id) => piece,
            TextOpening.OneSpace or TextOpening.OneSpaceEach => piece is [(byte)' ', ..] ? piece[1..] : piece,
            TextOpening.AllSpaces when !tokens.IsAdded(id) => piece.ToArray().Where(value => value != ' ').ToArray(),
            _ => piece,
        };
    }

    /// <summary>Whether the token after this one opens a text.</summary>
    /// <param name="isStart">Whether nothing of the text has been written yet.</param>
    /// <param name="id">This one.</param>
    internal bool Opens(bool isStart, int id) => opening == TextOpening.OneSpaceEach ? tokens.IsAdded(id) : isStart;

    private protected abstract void Encode(string text, bool parseSpecial, List<int> ids);

    /// <summary>A run of byte tokens that is not UTF-8 becomes as many U+FFFD as it has bytes, as in the tokenizers library.</summary>
    private static void EndRun(List<byte> bytes, int start)
    {
        int count = bytes.Count - start;
        if (Utf8.IsValid(CollectionsMarshal.AsSpan(bytes)[start..]))
            return;
        bytes.RemoveRange(start, count);
        for (int i = 0; i < count; i++)
            bytes.AddRange("\uFFFD"u8);
    }

    private void CheckId(int id)
    {
        if ((uint)id >= (uint)VocabularySize)
            throw new ArgumentOutOfRangeException(nameof(id), id, $"The token id {id} is outside the vocabulary of {VocabularySize} tokens.");
    }
}
