using TailorKV.Runtime.Numbers;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Exact;

/// <summary>How a tile's elements of one channel are stored: two sixteens of tokens, of which a vector is read of each at a time.</summary>
internal unsafe interface ITileElement
{
    /// <summary>Bytes of an element.</summary>
    static abstract int Bytes { get; }

    /// <summary>Writes the element of a token of the tile.</summary>
    /// <param name="channel">Where the channel's elements begin.</param>
    /// <param name="token">The token's place in the tile.</param>
    /// <param name="value">Its element.</param>
    static abstract void Write(byte* channel, int token, float value);

    /// <summary>Reads the element of a token of the tile: the plain twin of the others.</summary>
    static abstract float Read(byte* channel, int token);

    /// <summary>Reads a vector of elements of the tokens from <paramref name="token"/> on, one of the first sixteen, and one of those sixteen after them.</summary>
    static abstract void Read<TLanes>(byte* channel, nint token, out TLanes first, out TLanes second)
        where TLanes : struct, ILanes<TLanes>;
}
