using System.Runtime.InteropServices;
using TailorKV.Planner.Models;

namespace TailorKV.Runtime.Memory;

/// <summary>
/// Memory of the host, which for the CPU backend is the device's too: one arena stands for the device then and one for the host.
/// </summary>
public sealed unsafe class Arena : DeviceArena
{
    private readonly IDisposable? _owner;

    /// <summary>Takes the memory, filled with zeros.</summary>
    /// <param name="name">What it stands for, for messages.</param>
    /// <param name="bytes">Its size.</param>
    /// <exception cref="OutOfMemoryException">The system has not that much.</exception>
    public Arena(string name, long bytes)
        : base(name, bytes, ownsHandle: true)
    {
        if (bytes == 0)
            return;
        // calloc gives untouched pages, so a large context costs memory only as it fills up; the margin lets the first buffer start on a boundary.
        SetHandle((nint)NativeMemory.AllocZeroed((nuint)bytes + CacheBytes.Alignment));
        LargePages.Ask(handle, bytes);
    }

    /// <summary>An arena of memory that somebody else took, zeros, <see cref="CacheBytes.Alignment"/> bytes more than its size.</summary>
    /// <param name="name">What it stands for, for messages.</param>
    /// <param name="start">Where it begins.</param>
    /// <param name="bytes">Its size.</param>
    /// <param name="owner">Whose it is: disposed of with the arena.</param>
    internal Arena(string name, nint start, long bytes, IDisposable owner)
        : base(name, bytes, ownsHandle: true)
    {
        _owner = owner;
        SetHandle(start);
    }

    private Arena(string name, byte* start, long bytes)
        : base(name, bytes, ownsHandle: false)
    {
        if (bytes > 0)
            SetHandle((nint)start);
    }

    /// <inheritdoc/>
    public override bool IsInvalid => handle == 0;

    /// <inheritdoc/>
    public override HostTensor TakeTensor(long length) => new(Take<float>(length));

    /// <inheritdoc/>
    public override Arena TakeArena(string name, long bytes) => new(name, TakeBytes(bytes), bytes);

    /// <inheritdoc/>
    public override Arena Again() => new(Name, (byte*)CacheBytes.Align(handle), Capacity);

    /// <summary>Gives out a buffer of zeros; its bytes are rounded up to <see cref="CacheBytes.Alignment"/>.</summary>
    /// <param name="count">Its elements.</param>
    /// <exception cref="InvalidOperationException">The arena is too small: what was predicted is less than what is asked for.</exception>
    internal NativeBuffer<T> Take<T>(long count)
        where T : unmanaged
    {
        byte* start = TakeBytes(checked(count * sizeof(T)));
        return count == 0 ? default : new NativeBuffer<T>((T*)start, count);
    }

    /// <summary>Gives out bytes, zeros, of any number.</summary>
    /// <inheritdoc cref="Take{T}"/>
    internal byte* TakeBytes(long bytes)
    {
        long start = Reserve(bytes);
        return (byte*)CacheBytes.Align(handle) + start;
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        if (_owner is null)
            NativeMemory.Free((void*)handle);
        else
            _owner.Dispose();
        return true;
    }
}
