namespace TailorKV.Runtime.Cache.Codes;

/// <summary>Keys or values of one KV head in codes, a block of consecutive tokens coded at a time.</summary>
internal interface ICodes
{
    /// <summary>Codes a block.</summary>
    /// <param name="firstToken">The block's first token, counted from the first coded one; a whole number of blocks.</param>
    /// <param name="rows">[tokens of a block, headDim].</param>
    void Encode(int firstToken, ReadOnlySpan<float> rows);

    /// <summary>For each of the queries [n, headDim]: scores[query * stride + token] = query . decoded key, for the first tokens.</summary>
    void Scores(ReadOnlySpan<float> queries, int tokens, Span<float> scores, int stride);

    /// <summary>For each of the outputs [n, headDim]: output += weights[output * stride + token] * decoded value, for the first tokens.</summary>
    /// <exception cref="NotSupportedException">The format is for keys alone.</exception>
    void AddWeighted(ReadOnlySpan<float> weights, int stride, int tokens, Span<float> outputs);

    /// <summary>Decodes one row: the plain twin of what the others multiply with.</summary>
    void Decode(int token, Span<float> row);
}
