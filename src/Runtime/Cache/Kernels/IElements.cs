namespace TailorKV.Runtime.Cache.Kernels;

/// <summary>How the elements of a row are stored.</summary>
internal unsafe interface IElements
{
    /// <summary>One element: the plain twin of the others.</summary>
    /// <param name="row">Where the row begins.</param>
    /// <param name="length">Elements of the whole row.</param>
    /// <param name="index">Which.</param>
    /// <param name="levels">What each code stands for, <see cref="RowKernel.Levels"/>.</param>
    static abstract float Read(byte* row, int length, int index, float* levels);

    /// <summary>Sixteen elements from <paramref name="index"/> on, a multiple of sixteen.</summary>
    static abstract void Read(byte* row, int length, nint index, float* levels, out Lanes512 elements);

    /// <summary>Eight elements from <paramref name="index"/> on, a multiple of eight.</summary>
    static abstract void Read(byte* row, int length, nint index, float* levels, out Lanes256 elements);
}
