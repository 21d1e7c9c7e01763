namespace TailorKV.Runtime.Backends.Cpu.Vectors;

/// <summary>How the elements of a row are stored.</summary>
internal unsafe interface IElements
{
    /// <summary>Bytes of an element.</summary>
    static abstract int Bytes { get; }

    /// <summary>One element: the plain twin of the others.</summary>
    /// <param name="row">Where the row begins.</param>
    /// <param name="index">Which.</param>
    static abstract float Read(byte* row, int index);

    /// <summary>Sixteen elements from <paramref name="index"/> on, a multiple of sixteen.</summary>
    static abstract void Read(byte* row, nint index, out Lanes512 elements);

    /// <summary>Eight elements from <paramref name="index"/> on, a multiple of eight.</summary>
    static abstract void Read(byte* row, nint index, out Lanes256 elements);

    /// <summary>
    /// Two vectors of elements from <paramref name="index"/> on, in an order that <see cref="InOrder(ref Lanes512, ref Lanes512)"/> undoes: of sums lane by lane, once for many rows.
    /// </summary>
    static abstract void ReadPair(byte* row, nint index, out Lanes512 first, out Lanes512 second);

    /// <summary>The same of narrower vectors.</summary>
    static abstract void ReadPair(byte* row, nint index, out Lanes256 first, out Lanes256 second);

    /// <summary>Brings what is summed of <see cref="ReadPair(byte*, nint, out Lanes512, out Lanes512)"/> into the order of elements.</summary>
    static abstract void InOrder(ref Lanes512 first, ref Lanes512 second);

    /// <summary>The same of narrower vectors.</summary>
    static abstract void InOrder(ref Lanes256 first, ref Lanes256 second);
}
