namespace TailorKV.Cuda.Driver;

/// <summary>Compiled kernels, loaded.</summary>
internal sealed unsafe class KernelModule : ContextHandle
{
    /// <summary>Loads an image.</summary>
    /// <param name="context">The card's.</param>
    /// <param name="image">A cubin, or PTX with a zero at its end.</param>
    /// <param name="name">What it is of, for messages.</param>
    /// <exception cref="TailorKV.Planner.TailorKVException">The driver does not take it.</exception>
    public KernelModule(PrimaryContext context, ReadOnlySpan<byte> image, string name)
        : base(context)
    {
        Name = name;
        fixed (byte* start = image)
        {
            DriverCall.Check(DriverApi.ModuleLoad(out nint module, start), $"load the kernels of {name}");
            SetHandle(module);
        }
    }

    /// <summary>What it is of.</summary>
    public string Name { get; }

    /// <summary>One of its kernels.</summary>
    public Kernel Kernel(string name)
    {
        DriverCall.Check(DriverApi.ModuleGetFunction(out nint function, this, name), $"find the kernel {name} in {Name}");
        return new Kernel(this, function, name);
    }

    /// <inheritdoc/>
    protected override int Release() => DriverApi.ModuleUnload(handle);
}
