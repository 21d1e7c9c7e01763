namespace TailorKV.Cuda.Driver;

/// <summary>A queue of the card's work, done in order. The context must be the thread's for every call.</summary>
internal sealed unsafe class Stream : ContextHandle
{
    private readonly PrimaryContext _context;

    private const uint NonBlocking = 1;
    private const int ThreadLocal = 1;

    /// <summary>Makes one.</summary>
    /// <param name="context">The card's.</param>
    public Stream(PrimaryContext context)
        : base(context)
    {
        _context = context;
        DriverCall.Check(DriverApi.StreamCreate(out nint stream, NonBlocking), "make a stream");
        SetHandle(stream);
    }

    /// <summary>Waits until all is done.</summary>
    public void Synchronize() => DriverCall.Check(DriverApi.StreamSynchronize(this), "finish its work");

    /// <summary>Lets what is asked for later wait for an event.</summary>
    public void Wait(CudaEvent waited) => DriverCall.Check(DriverApi.StreamWaitEvent(this, waited, 0), "wait for an event");

    /// <summary>Copies to the card. Memory that is not pinned may be changed once this returns, pinned memory when the copy is done.</summary>
    public void CopyToDevice(nint to, void* from, long bytes) => DriverCall.Check(DriverApi.CopyToDevice(to, from, (nuint)bytes, this), $"copy {bytes} bytes to the card");

    /// <summary>Copies from the card; done when the stream is.</summary>
    public void CopyToHost(void* to, nint from, long bytes) => DriverCall.Check(DriverApi.CopyToHost(to, from, (nuint)bytes, this), $"copy {bytes} bytes from the card");

    /// <summary>Copies on the card.</summary>
    public void CopyWithinDevice(nint to, nint from, long bytes) => DriverCall.Check(DriverApi.CopyWithinDevice(to, from, (nuint)bytes, this), $"copy {bytes} bytes on the card");

    /// <summary>Fills the card's memory with zeros.</summary>
    public void Clear(nint to, long bytes) => DriverCall.Check(DriverApi.SetBytes(to, 0, (nuint)bytes, this), $"clear {bytes} bytes of the card");

    /// <summary>What is asked for from now on is recorded and not done.</summary>
    public void BeginCapture() => DriverCall.Check(DriverApi.StreamBeginCapture(this, ThreadLocal), "begin a graph");

    /// <summary>Makes a graph of what has been recorded.</summary>
    public CudaGraph EndCapture()
    {
        DriverCall.Check(DriverApi.StreamEndCapture(this, out nint graph), "end a graph");
        return new CudaGraph(_context, graph);
    }

    /// <summary>Ends recording after a failure, and forgets it.</summary>
    public void AbandonCapture()
    {
        if (DriverApi.StreamEndCapture(this, out nint graph) == 0 && graph != 0)
            _ = DriverApi.GraphDestroy(graph);
    }

    /// <inheritdoc/>
    protected override int Release() => DriverApi.StreamDestroy(handle);
}
