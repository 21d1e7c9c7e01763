using System.Runtime.InteropServices;
using TailorKV.Planner.Models;

namespace TailorKV.Runtime.Memory;

/// <summary>
/// Memory of a fixed size, taken at once and given out in buffers that live as long as it does. One arena stands for the device and one for
/// the host, so that what a session holds on each is known to the byte.
/// </summary>
internal sealed unsafe class Arena : SafeHandle
{
    /// <summary>Takes the memory, filled with zeros.</summary>
    /// <param name="name">What it stands for, for messages.</param>
    /// <param name="bytes">Its size.</param>
    /// <exception cref="OutOfMemoryException">The system has not that much.</exception>
    public Arena(string name, long bytes)
        : base(0, ownsHandle: true)
    {
        Name = name;
        Capacity = bytes;
        if (bytes == 0)
            return;
        // calloc gives untouched pages, so a large context costs memory only as it fills up; the margin lets the first buffer start on a boundary.
        SetHandle((nint)NativeMemory.AllocZeroed((nuint)bytes + CacheBytes.Alignment));
        LargePages.Ask(handle, bytes);
    }

    private Arena(string name, NativeBuffer<byte> buffer)
        : base(0, ownsHandle: false)
    {
        Name = name;
        Capacity = buffer.Length;
        if (buffer.Length > 0)
            SetHandle((nint)buffer.Start);
    }

    /// <summary>What the arena stands for.</summary>
    public string Name { get; }

    /// <summary>Bytes it was made with.</summary>
    public long Capacity { get; }

    /// <summary>Bytes given out so far.</summary>
    public long Used { get; private set; }

    /// <inheritdoc/>
    public override bool IsInvalid => handle == 0;

    /// <summary>An arena over another's buffer: several of them may share one, where their users take turns.</summary>
    /// <param name="name">What it stands for, for messages.</param>
    /// <param name="buffer">The memory; it must outlive the arena.</param>
    public static Arena Over(string name, NativeBuffer<byte> buffer) => new(name, buffer);

    /// <summary>Gives out a buffer of zeros; its bytes are rounded up to <see cref="CacheBytes.Alignment"/>.</summary>
    /// <param name="count">Its elements.</param>
    /// <exception cref="InvalidOperationException">The arena is too small: what was predicted is less than what is asked for.</exception>
    public NativeBuffer<T> Take<T>(long count)
        where T : unmanaged
    {
        byte* start = TakeBytes(checked(count * sizeof(T)));
        return count == 0 ? default : new NativeBuffer<T>((T*)start, count);
    }

    /// <summary>Gives out bytes, zeros, of any number.</summary>
    /// <inheritdoc cref="Take{T}"/>
    internal byte* TakeBytes(long bytes)
    {
        bytes = CacheBytes.Align(bytes);
        if (bytes > Capacity - Used)
            throw new InvalidOperationException($"The {Name} arena of {Capacity} bytes holds {Used} and cannot give out {bytes} more.");
        byte* start = (byte*)CacheBytes.Align(handle) + Used;
        Used += bytes;
        return start;
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        NativeMemory.Free((void*)handle);
        return true;
    }
}
