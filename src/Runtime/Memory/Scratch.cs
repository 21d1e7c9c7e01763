using System.Buffers;

namespace TailorKV.Runtime.Memory;

/// <summary>
/// Room for a moment: on the stack where it is little, rented where a model's shapes make it much, for stacks are small and to run out of one ends the process. What it holds at first
/// is undefined.
/// </summary>
/// <typeparam name="T">The element.</typeparam>
internal readonly ref struct Scratch<T>
    where T : unmanaged
{
    /// <summary>Elements that are little.</summary>
    public const int Little = 512;

    private readonly T[]? _rented;

    /// <summary>Takes room.</summary>
    /// <param name="stack">What there is on the stack.</param>
    /// <param name="length">Elements that are wanted.</param>
    public Scratch(Span<T> stack, int length)
    {
        _rented = length <= stack.Length ? null : ArrayPool<T>.Shared.Rent(length);
        Span = (_rented ?? stack)[..length];
    }

    /// <summary>The elements wanted.</summary>
    public Span<T> Span { get; }

    /// <summary>Gives what was rented back.</summary>
    public void Dispose()
    {
        if (_rented is not null)
            ArrayPool<T>.Shared.Return(_rented);
    }
}
