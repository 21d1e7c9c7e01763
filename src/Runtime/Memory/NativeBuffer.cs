namespace TailorKV.Runtime.Memory;

/// <summary>A run of an arena's memory; valid as long as the arena is.</summary>
/// <typeparam name="T">The element.</typeparam>
internal readonly unsafe struct NativeBuffer<T>
    where T : unmanaged
{
    private readonly T* _start;

    internal NativeBuffer(T* start, int length)
    {
        _start = start;
        Length = length;
    }

    /// <summary>Elements.</summary>
    public int Length { get; }

    /// <summary>All elements.</summary>
    public Span<T> Span => new(_start, Length);

    /// <summary>Some elements.</summary>
    /// <param name="start">The first.</param>
    /// <param name="length">How many.</param>
    public Span<T> Slice(int start, int length) => Span.Slice(start, length);

    /// <summary>The elements from one on, as a buffer; an empty buffer stays empty.</summary>
    /// <param name="start">The first.</param>
    public NativeBuffer<T> From(int start) => Length == 0 ? this : new(_start + start, Span[start..].Length);
}
