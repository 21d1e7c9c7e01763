namespace TailorKV.Runtime.Cache.Codes;

/// <summary>Keys of one KV head in codes, a block of consecutive tokens coded at a time.</summary>
internal interface IKeyCodes
{
    /// <summary>Codes a block.</summary>
    /// <param name="firstToken">The block's first token, counted from the first coded one; a whole number of blocks.</param>
    /// <param name="rows">[tokens of a block, headDim].</param>
    void Encode(int firstToken, ReadOnlySpan<float> rows);

    /// <summary>For each of the queries [n, headDim]: scores[query * stride + token - from] = query . decoded key, for tokens [from, to).</summary>
    /// <param name="queries">The queries.</param>
    /// <param name="from">The first token, a whole number of blocks.</param>
    /// <param name="to">The token after the last.</param>
    /// <param name="scores">[n, stride].</param>
    /// <param name="stride">From one query's scores to the next's.</param>
    void Scores(ReadOnlySpan<float> queries, int from, int to, Span<float> scores, int stride);

    /// <summary>Decodes one row: the plain twin of what queries are multiplied with.</summary>
    void Decode(int token, Span<float> row);
}
