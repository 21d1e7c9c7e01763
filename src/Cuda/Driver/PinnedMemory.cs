namespace TailorKV.Cuda.Driver;

/// <summary>Memory of the host that stays in place and that kernels read at its own address.</summary>
internal sealed class PinnedMemory : ContextHandle
{
    // For all contexts, and mapped to the card's addresses.
    private const uint PortableAndMapped = 3;

    /// <summary>Takes it; what it holds is undefined.</summary>
    /// <param name="context">The card's.</param>
    /// <param name="bytes">At least 1.</param>
    /// <exception cref="TailorKV.Planner.CapacityExceededException">The system has not that much.</exception>
    public PinnedMemory(PrimaryContext context, long bytes)
        : base(context)
    {
        DriverCall.Check(DriverApi.HostAllocate(out nint address, (nuint)bytes, PortableAndMapped), $"pin {bytes} bytes of host memory");
        SetHandle(address);
    }

    /// <summary>Where it begins.</summary>
    public nint Address => handle;

    /// <inheritdoc/>
    protected override int Release() => DriverApi.HostFree(handle);
}
