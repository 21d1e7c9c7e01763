namespace TailorKV.Runtime.Weights.Blocks;

/// <summary>A format that stores numbers in blocks of codes: (code - bias) * scale, or code * scale + offset, with a scale and perhaps an offset for each group.</summary>
internal unsafe interface IBlocks
{
    /// <summary>Numbers in a block, whole groups.</summary>
    static abstract int Elements { get; }

    /// <summary>Bytes of a block.</summary>
    static abstract int Bytes { get; }

    /// <summary>Numbers that share a scale: 16 or 32.</summary>
    static abstract int Group { get; }

    /// <summary>Bits of a code: 4, 5 with groups of 32, 6 with groups of 16, or 8, which have a sign.</summary>
    static abstract int CodeBits { get; }

    /// <summary>What codes are less by than they are stored.</summary>
    static abstract int Bias { get; }

    /// <summary>Whether there are offsets.</summary>
    static abstract bool HasOffsets { get; }

    /// <summary>Bytes of the scales and offsets of <see cref="SixteenRows.Count"/> rows' blocks that lie side by side.</summary>
    static abstract int ScaleBytes { get; }

    /// <summary>Gives each number of a block to a sink once, in any order.</summary>
    static abstract void Read<TSink>(byte* block, ref TSink sink)
        where TSink : struct, ICodeSink;

    /// <summary>Puts a block's scales and offsets among those of other rows.</summary>
    /// <param name="block">The block.</param>
    /// <param name="row">Its place among the rows.</param>
    /// <param name="scales">Theirs, <see cref="ScaleBytes"/>.</param>
    static abstract void PutScales(byte* block, int row, byte* scales);

    /// <summary>The scales of a group.</summary>
    /// <param name="scales">What <see cref="PutScales"/> wrote.</param>
    /// <param name="group">The group's place in the block.</param>
    static abstract SixteenRows Scales(byte* scales, int group);

    /// <summary>The offsets of a group; zeros where there are none.</summary>
    static abstract SixteenRows Offsets(byte* scales, int group);

    /// <summary>The plain twin: whole blocks to numbers.</summary>
    static abstract void DecodePlain(ReadOnlySpan<byte> source, Span<float> destination);
}
