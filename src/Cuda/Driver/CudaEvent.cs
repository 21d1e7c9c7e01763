namespace TailorKV.Cuda.Driver;

/// <summary>A point in a stream's work, that others wait for and time is taken at.</summary>
internal sealed class CudaEvent : ContextHandle
{
    /// <summary>Makes one.</summary>
    /// <param name="context">The card's.</param>
    public CudaEvent(PrimaryContext context)
        : base(context)
    {
        DriverCall.Check(DriverApi.EventCreate(out nint made, 0), "make an event");
        SetHandle(made);
    }

    /// <summary>Puts it after all that a stream has been asked for.</summary>
    public void Record(Stream stream) => DriverCall.Check(DriverApi.EventRecord(this, stream), "record an event");

    /// <summary>Time from this event to another; both have come.</summary>
    public TimeSpan Until(CudaEvent end)
    {
        DriverCall.Check(DriverApi.EventElapsedTime(out float milliseconds, this, end), "take the time");
        return TimeSpan.FromMilliseconds(milliseconds);
    }

    /// <inheritdoc/>
    protected override int Release() => DriverApi.EventDestroy(handle);
}
