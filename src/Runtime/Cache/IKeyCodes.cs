namespace TailorKV.Runtime.Cache;

/// <summary>Coded keys of one KV head, coded a block of consecutive tokens at a time.</summary>
internal interface IKeyCodes
{
    /// <summary>Tokens coded at once.</summary>
    int BlockTokens { get; }

    /// <summary>Codes a block.</summary>
    /// <param name="firstToken">The block's first token, counted from the first coded one; a whole number of blocks.</param>
    /// <param name="rows">Its keys, [BlockTokens, headDim].</param>
    void Encode(int firstToken, ReadOnlySpan<float> rows);

    /// <summary>For each of the queries [n, headDim]: scores[query * stride + token] = query . decoded key, for the first tokens.</summary>
    void Scores(ReadOnlySpan<float> queries, int tokens, Span<float> scores, int stride);

    /// <summary>Decodes one key: the plain twin of what <see cref="Scores"/> multiplies with.</summary>
    void Decode(int token, Span<float> row);
}
