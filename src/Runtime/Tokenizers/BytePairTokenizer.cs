namespace TailorKV.Runtime.Tokenizers;

/// <summary>Byte-pair encoding as tokenizer.json describes it: text is normalized, split into words, and these are merged by the ranks of learned pairs.</summary>
internal sealed class BytePairTokenizer : Tokenizer
{
    private const int CachedWords = 1 << 14;
    private const int LongestCachedWord = 64;
    private readonly BytePairModel model;
    private readonly AddedTokenMatcher added;
    private readonly AddedTokenMatcher addedNormalized;
    private readonly PreTokenizer preTokenizer;
    private readonly TextNormalizer normalizer;
    private readonly Dictionary<string, int[]> cache = [];
    private readonly Lock cacheLock = new();

    /// <summary>Takes over the parts.</summary>
    /// <param name="tokens">The pieces of all ids.</param>
    /// <param name="special">Begin and end tokens.</param>
    /// <param name="model">Vocabulary and merges.</param>
    /// <param name="addedTokens">Tokens found before splitting.</param>
    /// <param name="preTokenizer">Splits into words.</param>
    /// <param name="normalizer">What becomes of text before that.</param>
    /// <param name="opening">What decoding leaves out at the start.</param>
    /// <param name="file">For error messages.</param>
    public BytePairTokenizer(
        TokenTable tokens,
        SpecialTokens special,
        BytePairModel model,
        IReadOnlyList<AddedToken> addedTokens,
        PreTokenizer preTokenizer,
        TextNormalizer normalizer,
        TextOpening opening,
        string file)
        : base(tokens, special, opening)
    {
        this.model = model;
        this.preTokenizer = preTokenizer;
        this.normalizer = normalizer;
        added = new AddedTokenMatcher(addedTokens.Where(token => !token.Normalized), file);
        addedNormalized = new AddedTokenMatcher(
            addedTokens.Where(token => token.Normalized).Select(token => token with { Content = normalizer.Apply(token.Content) }), file);
    }

    private protected override void Encode(string text, bool parseSpecial, List<int> ids) => added.Split(text, parseSpecial, ids.Add, (part, startsText) =>
        addedNormalized.Split(normalizer.Apply(part), parseSpecial, ids.Add, (word, startsPart) => preTokenizer.Split(word, startsText && startsPart, piece => EncodeWord(piece, ids))));

    private void EncodeWord(ReadOnlySpan<char> word, List<int> ids)
    {
        if (word.Length > LongestCachedWord)
        {
            ids.AddRange(model.EncodeWord(word));
            return;
        }
        int[]? encoded;
        lock (cacheLock)
        {
            cache.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(word, out encoded);
        }
        if (encoded is null)
        {
            encoded = model.EncodeWord(word);
            lock (cacheLock)
            {
                if (cache.Count == CachedWords)
                    cache.Clear();
                cache[word.ToString()] = encoded;
            }
        }
        ids.AddRange(encoded);
    }
}
