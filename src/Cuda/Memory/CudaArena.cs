using TailorKV.Cuda.Driver;
using TailorKV.Planner.Models;
using TailorKV.Runtime.Memory;

namespace TailorKV.Cuda.Memory;

/// <summary>Memory of a card. What has been given out goes with the arena.</summary>
internal sealed class CudaArena : DeviceArena
{
    private readonly DeviceMemory? _memory;
    private readonly nint _start;

    /// <summary>Takes the memory, filled with zeros.</summary>
    /// <param name="name">What it stands for, for messages.</param>
    /// <param name="bytes">Its size.</param>
    /// <param name="card">Where it lies.</param>
    public CudaArena(string name, long bytes, Card card)
        : base(name, bytes, ownsHandle: true)
    {
        Card = card;
        _memory = new DeviceMemory(card.Context, Math.Max(bytes, CacheBytes.Alignment));
        _start = _memory.Address;
        SetHandle(_start);
        using (card.Use())
            card.Stream.Clear(_start, _memory.Bytes);
    }

    private CudaArena(string name, Card card, nint start, long bytes)
        : base(name, bytes, ownsHandle: false)
    {
        (Card, _start) = (card, start);
        SetHandle(start);
    }

    /// <summary>Where it lies.</summary>
    public Card Card { get; }

    /// <inheritdoc/>
    public override bool IsInvalid => handle == 0;

    /// <inheritdoc/>
    public override CudaTensor TakeTensor(long length) => new(Card, TakeBytes(length * sizeof(float)), length);

    /// <inheritdoc/>
    public override CudaArena TakeArena(string name, long bytes) => new(name, Card, TakeBytes(bytes), bytes);

    /// <inheritdoc/>
    public override CudaArena Again() => new(Name, Card, _start, Capacity);

    /// <summary>Gives out bytes.</summary>
    /// <param name="bytes">How many; rounded up to <see cref="CacheBytes.Alignment"/>.</param>
    /// <returns>Their address on the card.</returns>
    /// <exception cref="InvalidOperationException">The arena is too small: what was predicted is less than what is asked for.</exception>
    public nint TakeBytes(long bytes) => _start + (nint)Reserve(bytes);

    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        _memory?.Dispose();
        return true;
    }
}
