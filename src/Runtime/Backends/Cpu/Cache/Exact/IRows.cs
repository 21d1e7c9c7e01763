namespace TailorKV.Runtime.Backends.Cpu.Cache.Exact;

/// <summary>How keys or values of one KV head lie on the host: each token's row together, so that it can be fetched alone.</summary>
internal interface IRows
{
    /// <summary>Writes rows of consecutive positions from [count, headDim].</summary>
    void WriteRange(int position, ReadOnlySpan<float> rows);

    /// <summary>Asks for a row that will be read soon, where the machine can be asked.</summary>
    void Prefetch(int position);

    /// <summary>Reads a row, [headDim].</summary>
    void Read(int position, Span<float> row);
}
