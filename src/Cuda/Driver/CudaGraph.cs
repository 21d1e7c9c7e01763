namespace TailorKV.Cuda.Driver;

/// <summary>Recorded work that is replayed as a whole.</summary>
internal sealed class CudaGraph : ContextHandle
{
    /// <summary>Makes it ready to run.</summary>
    /// <param name="context">The card's.</param>
    /// <param name="graph">What was recorded; given back.</param>
    public CudaGraph(PrimaryContext context, nint graph)
        : base(context)
    {
        try
        {
            DriverCall.Check(DriverApi.GraphInstantiate(out nint executable, graph, 0), "make a graph ready");
            SetHandle(executable);
        }
        finally
        {
            _ = DriverApi.GraphDestroy(graph);
        }
    }

    /// <summary>Asks a stream to do it.</summary>
    public void Launch(Stream stream) => DriverCall.Check(DriverApi.GraphLaunch(this, stream), "launch a graph");

    /// <inheritdoc/>
    protected override int Release() => DriverApi.GraphExecutableDestroy(handle);
}
