namespace TailorKV.Cuda.Driver;

/// <summary>Memory of the card, a plain allocation.</summary>
internal sealed class DeviceMemory : ContextHandle
{
    /// <summary>Takes it; what it holds is undefined.</summary>
    /// <param name="context">The card's.</param>
    /// <param name="bytes">At least 1.</param>
    /// <exception cref="TailorKV.Planner.CapacityExceededException">The card has not that much.</exception>
    public DeviceMemory(PrimaryContext context, long bytes)
        : base(context)
    {
        Bytes = bytes;
        DriverCall.Check(DriverApi.MemoryAllocate(out nint address, (nuint)bytes), $"take {bytes} bytes of the card's memory");
        SetHandle(address);
    }

    /// <summary>Its size.</summary>
    public long Bytes { get; }

    /// <summary>Where it begins, 256-byte aligned.</summary>
    public nint Address => handle;

    /// <inheritdoc/>
    protected override int Release() => DriverApi.MemoryFree(handle);
}
