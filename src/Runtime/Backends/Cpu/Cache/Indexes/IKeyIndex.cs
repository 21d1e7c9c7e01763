namespace TailorKV.Runtime.Backends.Cpu.Cache.Indexes;

/// <summary>Approximate scores for the keys of one KV head that lie on the host.</summary>
internal interface IKeyIndex
{
    /// <summary>Forgets everything.</summary>
    void Clear();

    /// <summary>Takes a block of keys in.</summary>
    /// <param name="firstToken">The block's first token, counted from the first on the host.</param>
    /// <param name="rows">[tokens, headDim].</param>
    void Add(int firstToken, ReadOnlySpan<float> rows);

    /// <summary>Makes queries ready for <see cref="Scores"/>, once a step.</summary>
    /// <param name="queries">The queries themselves, [group, headDim].</param>
    /// <param name="predicted">The queries as predicted from the layer before, [group, headDim]; empty unless the index needs it.</param>
    void Prepare(ReadOnlySpan<float> queries, ReadOnlySpan<float> predicted);

    /// <summary>For each of the prepared queries: scores[query * stride + token - from], for tokens [from, to); parts of the tokens may run at the same time.</summary>
    /// <param name="from">The first token, a whole number of blocks.</param>
    /// <param name="to">The token after the last.</param>
    /// <param name="scores">[group, stride].</param>
    /// <param name="stride">Elements from one query's scores to the next.</param>
    void Scores(int from, int to, Span<float> scores, int stride);
}
