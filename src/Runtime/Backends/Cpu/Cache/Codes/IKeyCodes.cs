namespace TailorKV.Runtime.Backends.Cpu.Cache.Codes;

/// <summary>Keys of one KV head in codes, a block of consecutive tokens coded at a time.</summary>
internal interface IKeyCodes
{
    /// <summary>Codes a block.</summary>
    /// <param name="firstToken">The block's first token, counted from the first coded one; a whole number of blocks. The first one begins anew.</param>
    /// <param name="rows">[tokens of a block, headDim].</param>
    void Encode(int firstToken, ReadOnlySpan<float> rows);

    /// <summary>Makes queries ready for <see cref="Scores"/>, once a step.</summary>
    /// <param name="queries">[n, headDim].</param>
    void Prepare(ReadOnlySpan<float> queries);

    /// <summary>For each of the prepared queries: scores[query * stride + token - from] = query . decoded key, for tokens [from, to); parts of the tokens may run at the same time.</summary>
    /// <param name="from">The first token, a whole number of blocks.</param>
    /// <param name="to">The token after the last.</param>
    /// <param name="scores">[n, stride].</param>
    /// <param name="stride">From one query's scores to the next's.</param>
    void Scores(int from, int to, Span<float> scores, int stride);

    /// <summary>Decodes one row: the plain twin of what queries are multiplied with.</summary>
    void Decode(int token, Span<float> row);
}
