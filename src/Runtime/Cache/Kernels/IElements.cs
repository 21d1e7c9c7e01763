namespace TailorKV.Runtime.Cache.Kernels;

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
}
