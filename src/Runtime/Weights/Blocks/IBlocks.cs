namespace TailorKV.Runtime.Weights.Blocks;

/// <summary>A format that stores numbers in blocks of codes.</summary>
internal unsafe interface IBlocks
{
    /// <summary>Numbers in a block, a multiple of 16.</summary>
    static abstract int Elements { get; }

    /// <summary>Bytes of a block.</summary>
    static abstract int Bytes { get; }

    /// <summary>Gives each number of a block to a sink once, in any order.</summary>
    static abstract void Read<TSink>(byte* block, ref TSink sink)
        where TSink : struct, ICodeSink;

    /// <summary>The plain twin: whole blocks to numbers.</summary>
    static abstract void DecodePlain(ReadOnlySpan<byte> source, Span<float> destination);
}
