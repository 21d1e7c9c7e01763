using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Codes;

/// <summary>Values of one KV head in codes.</summary>
internal interface IValueCodes
{
    /// <summary>Gets ready for a prompt's values, before the first of them is coded; not called where there is no prompt.</summary>
    /// <param name="rows">Values that will be coded, or are like those, [tokens, headDim].</param>
    void Begin(NativeBuffer<float> rows)
    {
    }

    /// <summary>Codes tokens.</summary>
    /// <param name="firstToken">The first, counted from the first coded one.</param>
    /// <param name="rows">[tokens, headDim].</param>
    void Encode(int firstToken, ReadOnlySpan<float> rows);

    /// <summary>For each of the outputs [n, headDim]: output += weights[output * stride + token - from] * decoded value, for tokens [from, to).</summary>
    /// <param name="weights">[n, stride].</param>
    /// <param name="largest">An upper bound of the magnitudes of each output's weights, [n]; the tighter, the finer weights are rounded.</param>
    /// <param name="stride">From one output's weights to the next's.</param>
    /// <param name="from">The first token.</param>
    /// <param name="to">The token after the last.</param>
    /// <param name="outputs">[n, headDim].</param>
    void AddWeighted(ReadOnlySpan<float> weights, ReadOnlySpan<float> largest, int stride, int from, int to, Span<float> outputs);

    /// <summary>Decodes one row: the plain twin of what is summed.</summary>
    void Decode(int token, Span<float> row);
}
