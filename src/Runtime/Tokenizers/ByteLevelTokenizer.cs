using System.Text;

namespace TailorKV.Runtime.Tokenizers;

/// <summary>Byte-level byte-pair encoding: words are UTF-8 bytes, merged by the ranks of learned pairs.</summary>
internal sealed class ByteLevelTokenizer : Tokenizer
{
    private const int CachedWords = 1 << 14;
    private const int LongestCachedWord = 64;
    private readonly ByteLevelModel model;
    private readonly AddedTokenMatcher added;
    private readonly AddedTokenMatcher addedNormalized;
    private readonly PreTokenizer preTokenizer;
    private readonly bool composes;
    private readonly Dictionary<string, int[]> cache = [];
    private readonly Lock cacheLock = new();

    /// <summary>Takes over the parts.</summary>
    /// <param name="tokens">The pieces of all ids.</param>
    /// <param name="special">Begin and end tokens.</param>
    /// <param name="model">Vocabulary and merges.</param>
    /// <param name="addedTokens">Tokens found before splitting.</param>
    /// <param name="preTokenizer">Splits into words.</param>
    /// <param name="composes">Whether text is normalized to NFC first.</param>
    /// <param name="file">For error messages.</param>
    public ByteLevelTokenizer(
        TokenTable tokens, SpecialTokens special, ByteLevelModel model, IReadOnlyList<AddedToken> addedTokens, PreTokenizer preTokenizer, bool composes, string file)
        : base(tokens, special)
    {
        this.model = model;
        this.preTokenizer = preTokenizer;
        this.composes = composes;
        added = new AddedTokenMatcher(addedTokens.Where(token => !token.Normalized), file);
        addedNormalized = new AddedTokenMatcher(
            addedTokens.Where(token => token.Normalized).Select(token => token with { Content = Normalize(token.Content) }), file);
    }

    private protected override void Encode(string text, bool parseSpecial, List<int> ids)
    {
        void EncodeText(string part) => preTokenizer.Split(part, word => EncodeWord(word, ids));
        added.Split(text, parseSpecial, ids.Add, part => addedNormalized.Split(Normalize(part), parseSpecial, ids.Add, EncodeText));
    }

    private string Normalize(string text) => composes ? CanonicalComposition.Normalize(text) : text;

    private void EncodeWord(ReadOnlySpan<char> word, List<int> ids)
    {
        if (word.Length > LongestCachedWord)
        {
            ids.AddRange(model.EncodeWord(ToBytes(word)));
            return;
        }
        int[]? encoded;
        lock (cacheLock)
        {
            cache.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(word, out encoded);
        }
        if (encoded is null)
        {
            encoded = model.EncodeWord(ToBytes(word));
            lock (cacheLock)
            {
                if (cache.Count == CachedWords)
                    cache.Clear();
                cache[word.ToString()] = encoded;
            }
        }
        ids.AddRange(encoded);
    }

    private static byte[] ToBytes(ReadOnlySpan<char> word)
    {
        var bytes = new byte[Encoding.UTF8.GetByteCount(word)];
        Encoding.UTF8.GetBytes(word, bytes);
        return bytes;
    }
}
