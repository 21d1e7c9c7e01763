using System.Buffers;
using System.Text;

namespace TailorKV.Runtime.Tokenizers;

/// <summary>Turns text into token ids and back. Immutable to the caller and safe to use from several threads.</summary>
public abstract class Tokenizer
{
    private readonly TokenTable tokens;

    private protected Tokenizer(TokenTable tokens, SpecialTokens special)
    {
        this.tokens = tokens;
        BeginToken = special.Begin;
        EndTokens = special.End;
        AddsBeginToken = special.AddsBegin && special.Begin is not null;
        Remarks = special.Remarks;
    }

    /// <summary>The number of token ids: one more than the greatest.</summary>
    public int VocabularySize => tokens.Count;

    /// <summary>The token that opens a text, or null.</summary>
    public int? BeginToken { get; }

    /// <summary>The token that ends a generated text, or null: the first of <see cref="EndTokens"/>.</summary>
    public int? EndToken => EndTokens.Count > 0 ? EndTokens[0] : null;

    /// <summary>Every token that ends a generated text: a chat model often has one for the end of a turn besides the end of the text.</summary>
    public IReadOnlyList<int> EndTokens { get; }

    /// <summary>Whether a plain prompt starts with <see cref="BeginToken"/>.</summary>
    public bool AddsBeginToken { get; }

    /// <summary>What was ignored in reading the tokenizer, a sentence each: token ids that the model does not have.</summary>
    public IReadOnlyList<string> Remarks { get; }

    /// <summary>Reads a Hugging Face tokenizer.json (byte-level BPE), and the begin and end tokens from the configuration files beside it.</summary>
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
    /// The ids of a whole prompt: <see cref="Encode(string, bool)"/> after the begin token, where the model expects one and the text does not write it out.
    /// </summary>
    /// <exception cref="Planner.InvalidFileException">As <see cref="Encode(string, bool)"/>.</exception>
    public IReadOnlyList<int> EncodePrompt(string text, bool parseSpecial = true)
    {
        IReadOnlyList<int> ids = Encode(text, parseSpecial);
        return AddsBeginToken && (ids.Count == 0 || ids[0] != BeginToken) ? [BeginToken!.Value, .. ids] : ids;
    }

    /// <summary>The text of the ids, the inverse of <see cref="Encode(string, bool)"/>. Bytes that are not UTF-8 become U+FFFD.</summary>
    /// <param name="ids">Token ids, each less than <see cref="VocabularySize"/>.</param>
    /// <param name="skipSpecial">Whether to leave special tokens out.</param>
    /// <exception cref="ArgumentOutOfRangeException">An id is not in the vocabulary.</exception>
    public string Decode(ReadOnlySpan<int> ids, bool skipSpecial = false)
    {
        var bytes = new ArrayBufferWriter<byte>();
        bool opens = OpensWithSpace;
        foreach (int id in ids)
        {
            ReadOnlySpan<byte> piece = Piece(id);
            bool isAdded = tokens.IsAdded(id);
            if (opens && !isAdded && piece is [(byte)' ', ..])
                piece = piece[1..];
            if (!(skipSpecial && IsSpecial(id)))
                bytes.Write(piece);
            opens = OpensWithSpace && isAdded;
        }
        return Encoding.UTF8.GetString(bytes.WrittenSpan);
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

    /// <summary>Whether encoding puts a space before a text, and again after an added token.</summary>
    private protected virtual bool OpensWithSpace => false;

    private protected abstract void Encode(string text, bool parseSpecial, List<int> ids);

    private void CheckId(int id)
    {
        if ((uint)id >= (uint)VocabularySize)
            throw new ArgumentOutOfRangeException(nameof(id), id, $"The token id {id} is outside the vocabulary of {VocabularySize} tokens.");
    }
}
