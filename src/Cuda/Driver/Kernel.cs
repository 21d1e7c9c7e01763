namespace TailorKV.Cuda.Driver;

/// <summary>A kernel: it takes one struct, laid out as its source declares it.</summary>
/// <param name="module">Where it is from; it stays loaded as long as this is known.</param>
/// <param name="function">The driver's handle.</param>
/// <param name="name">Its name, for messages.</param>
internal sealed unsafe class Kernel(KernelModule module, nint function, string name)
{
    private const int BufferPointer = 1, BufferSize = 2;

    /// <summary>Its name.</summary>
    public string Name => name;

    /// <summary>Asks a stream to run it.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="grid">Blocks.</param>
    /// <param name="threads">Threads of a block.</param>
    /// <param name="arguments">What it takes.</param>
    public void Launch<TArguments>(Stream stream, Grid grid, int threads, TArguments arguments)
        where TArguments : unmanaged
    {
        nuint bytes = (nuint)sizeof(TArguments);
        void** extra = stackalloc void*[5];
        extra[0] = (void*)BufferPointer;
        extra[1] = &arguments;
        extra[2] = (void*)BufferSize;
        extra[3] = &bytes;
        extra[4] = null;
        int result = DriverApi.LaunchKernel(function, (uint)grid.X, (uint)grid.Y, (uint)grid.Z, (uint)threads, 1, 1, 0, stream, null, extra);
        if (result != 0)
            DriverCall.Check(result, $"launch the kernel {name} of {module.Name}");
    }
}
