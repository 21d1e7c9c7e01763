namespace TailorKV.Runtime.Memory;

/// <summary>A run of an arena's memory, of any length; valid as long as the arena is. A span of it has at most 2,147,483,647 elements.</summary>
/// <typeparam name="T">The element.</typeparam>
internal readonly unsafe struct NativeBuffer<T>
    where T : unmanaged
{
    private readonly T* _start;

    internal NativeBuffer(T* start, long length)
    {
        _start = start;
        Length = length;
    }

    /// <summary>Elements.</summary>
    public long Length { get; }

    /// <summary>All elements.</summary>
    /// <exception cref="OverflowException">They are more than a span can have.</exception>
    public Span<T> Span => new(_start, checked((int)Length));

    /// <summary>Where it begins.</summary>
    internal T* Start => _start;

    /// <summary>An element.</summary>
    /// <param name="index">Its place.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is none there.</exception>
    public ref T this[long index]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((ulong)index, (ulong)Length, nameof(index));
            return ref _start[index];
        }
    }

    /// <summary>Some elements.</summary>
    /// <param name="start">The first.</param>
    /// <param name="length">How many.</param>
    /// <exception cref="ArgumentOutOfRangeException">They are not all there.</exception>
    public Span<T> Slice(long start, int length)
    {
        if ((ulong)start > (ulong)Length || (ulong)(uint)length > (ulong)(Length - start))
            throw new ArgumentOutOfRangeException(nameof(start), $"{length} elements from {start} on are not in a buffer of {Length}.");
        return new(_start + start, length);
    }

    /// <summary>The elements from one on, as a buffer; an empty buffer stays empty.</summary>
    /// <param name="start">The first.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is none there.</exception>
    public NativeBuffer<T> From(long start) => Length == 0 ? this : Part(start, Length - start);

    /// <summary>Some elements, as a buffer.</summary>
    /// <param name="start">The first.</param>
    /// <param name="length">How many.</param>
    /// <exception cref="ArgumentOutOfRangeException">They are not all there.</exception>
    public NativeBuffer<T> Part(long start, long length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((ulong)start, (ulong)Length, nameof(start));
        ArgumentOutOfRangeException.ThrowIfGreaterThan((ulong)length, (ulong)(Length - start), nameof(length));
        return new(_start + start, length);
    }

    /// <summary>Gives all elements one value.</summary>
    /// <param name="value">The value.</param>
    public void Fill(T value)
    {
        const int Some = 1 << 30;
        for (long start = 0; start < Length; start += Some)
            Slice(start, (int)Math.Min(Some, Length - start)).Fill(value);
    }

    /// <summary>Copies all elements.</summary>
    /// <param name="destination">As many at least.</param>
    /// <exception cref="ArgumentException">They are fewer.</exception>
    public void CopyTo(NativeBuffer<T> destination)
    {
        if (destination.Length < Length)
            throw new ArgumentException($"{Length} elements do not go into a buffer of {destination.Length}.", nameof(destination));
        Buffer.MemoryCopy(_start, destination._start, destination.Length * sizeof(T), Length * sizeof(T));
    }
}
