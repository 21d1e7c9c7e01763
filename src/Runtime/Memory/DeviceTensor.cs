namespace TailorKV.Runtime.Memory;

/// <summary>A run of single-precision numbers on a device, valid as long as the arena it comes from. What lies in it is copied to and from the host, never looked at in place.</summary>
public abstract class DeviceTensor
{
    /// <summary>Makes a tensor.</summary>
    /// <param name="length">Its elements.</param>
    protected DeviceTensor(long length) => Length = length;

    /// <summary>Elements.</summary>
    public long Length { get; }

    /// <summary>Some of its elements, as a tensor.</summary>
    /// <param name="start">The first.</param>
    /// <param name="length">How many.</param>
    /// <exception cref="ArgumentOutOfRangeException">They are not all there.</exception>
    public abstract DeviceTensor Part(long start, long length);

    /// <summary>Copies its first elements to the host.</summary>
    /// <param name="destination">As many as are wanted.</param>
    /// <exception cref="ArgumentOutOfRangeException">They are not all there.</exception>
    public abstract void Read(Span<float> destination);

    /// <summary>Overwrites its first elements.</summary>
    /// <param name="source">By what.</param>
    /// <exception cref="ArgumentOutOfRangeException">There are not as many.</exception>
    public abstract void Write(ReadOnlySpan<float> source);

    /// <summary>Copies all elements within the device, or between it and the host.</summary>
    /// <param name="destination">As many at least.</param>
    /// <exception cref="ArgumentException">They are fewer.</exception>
    public abstract void CopyTo(DeviceTensor destination);

    /// <summary>Overwrites its first elements by those of the host.</summary>
    /// <param name="source">All of them, as many as there are here at most.</param>
    protected internal abstract void CopyFrom(HostTensor source);
}
