using System.Runtime.InteropServices;
using TailorKV.Planner.Models;

namespace TailorKV.Runtime.Memory;

/// <summary>
/// Memory of a fixed size on a device, taken at once and given out in buffers that live as long as it does, so that what a session holds is known to the byte. Whoever disposes of it
/// while it is in use gives it back when the use ends.
/// </summary>
public abstract class DeviceArena : SafeHandle
{
    /// <summary>Makes an arena; the derived class sets the handle.</summary>
    /// <param name="name">What it stands for, for messages.</param>
    /// <param name="capacity">Its bytes.</param>
    /// <param name="ownsHandle">Whether it gives its memory back: not where the memory is another arena's.</param>
    protected DeviceArena(string name, long capacity, bool ownsHandle)
        : base(0, ownsHandle) => (Name, Capacity) = (name, capacity);

    /// <summary>What the arena stands for.</summary>
    public string Name { get; }

    /// <summary>Bytes it was made with.</summary>
    public long Capacity { get; }

    /// <summary>Bytes given out so far.</summary>
    public long Used { get; private set; }

    /// <summary>Gives out a tensor of zeros; its bytes are rounded up to <see cref="CacheBytes.Alignment"/>.</summary>
    /// <param name="length">Its elements.</param>
    /// <exception cref="InvalidOperationException">The arena is too small: what was predicted is less than what is asked for.</exception>
    public abstract DeviceTensor TakeTensor(long length);

    /// <summary>Gives out an arena within this one.</summary>
    /// <param name="name">What it stands for, for messages.</param>
    /// <param name="bytes">Its size.</param>
    /// <exception cref="InvalidOperationException">This arena is too small.</exception>
    public abstract DeviceArena TakeArena(string name, long bytes);

    /// <summary>An arena over the same memory that has given out nothing yet: several of them may share it, where their users take turns.</summary>
    public abstract DeviceArena Again();

    /// <summary>Counts bytes as given out.</summary>
    /// <param name="bytes">As many as are asked for.</param>
    /// <returns>Where they begin, in bytes from the arena's first.</returns>
    /// <exception cref="InvalidOperationException">There are not as many left.</exception>
    protected long Reserve(long bytes)
    {
        bytes = CacheBytes.Align(bytes);
        if (bytes > Capacity - Used)
            throw new InvalidOperationException($"The {Name} arena of {Capacity} bytes holds {Used} and cannot give out {bytes} more.");
        long start = Used;
        Used += bytes;
        return start;
    }
}
