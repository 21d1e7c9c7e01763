namespace TailorKV.Runtime.Numbers;

/// <summary>A number format that rows are stored in uncoded, each element by itself.</summary>
internal unsafe interface IElement
{
    /// <summary>Bytes of an element.</summary>
    static abstract int Bytes { get; }

    /// <summary>One element: the plain twin of the others.</summary>
    /// <param name="row">Where the row begins.</param>
    /// <param name="index">Which.</param>
    static abstract float Read(byte* row, nint index);

    /// <summary>A vector of elements from <paramref name="index"/> on.</summary>
    static abstract TLanes Read<TLanes>(byte* row, nint index)
        where TLanes : struct, ILanes<TLanes>;

    /// <summary>
    /// Two vectors of elements from <paramref name="index"/> on, in the order in which they are read fastest; <see cref="InOrder"/> undoes it: of sums lane by lane, once for many rows.
    /// </summary>
    static abstract void ReadPair<TLanes>(byte* row, nint index, out TLanes first, out TLanes second)
        where TLanes : struct, ILanes<TLanes>;

    /// <summary>Brings what is summed of <see cref="ReadPair"/> into the order of elements.</summary>
    static abstract void InOrder<TLanes>(ref TLanes first, ref TLanes second)
        where TLanes : struct, ILanes<TLanes>;
}
