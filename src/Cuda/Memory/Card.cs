using TailorKV.Cuda.Compiling;
using TailorKV.Cuda.Driver;

namespace TailorKV.Cuda.Memory;

/// <summary>
/// A card: its context, its queue of work, its kernels. Work of one call is asked for together, by whoever holds <see cref="Gate"/>, so that what a call leaves for its own later kernels no other session overwrites.
/// </summary>
internal sealed class Card : IDisposable
{
    private readonly DeviceMemory _numbers;
    private readonly Queue<int> _free = new(Enumerable.Range(0, MostNumbers));

    private DeviceMemory? _scratch;

    private const int MostNumbers = 1 << 16;

    /// <summary>Opens a card.</summary>
    /// <param name="ordinal">Which, from 0.</param>
    /// <param name="kernelCache">Where compiled kernels are kept; null for the user's cache.</param>
    /// <param name="kernelText">The text of a kernel source; null for the embedded ones.</param>
    public Card(int ordinal, string? kernelCache, Func<KernelSource, string>? kernelText)
    {
        Context = new PrimaryContext(ordinal);
        Stream = new Driver.Stream(Context);
        ImageCache images = kernelCache is { } folder ? new ImageCache(folder) : ImageCache.OfUser();
        Compiler = new KernelCompiler(Nvrtc.Find, images, Context.Capability, Context.DriverVersion, kernelText);
        Kernels = new KernelLibrary(Context, Compiler);
        _numbers = new DeviceMemory(Context, MostNumbers * sizeof(int));
    }

    /// <summary>Held while work is asked for.</summary>
    public Lock Gate { get; } = new();

    /// <summary>The context.</summary>
    public PrimaryContext Context { get; }

    /// <summary>The queue that computes.</summary>
    public Driver.Stream Stream { get; }

    /// <summary>Compiles kernels.</summary>
    public KernelCompiler Compiler { get; }

    /// <summary>The kernels.</summary>
    public KernelLibrary Kernels { get; }

    /// <summary>Begins a call: the context is the thread's, and no other call is under way until this is disposed of.</summary>
    public Lock.Scope Use()
    {
        Lock.Scope scope = Gate.EnterScope();
        Context.Use();
        return scope;
    }

    /// <summary>Takes room for an integer that kernels read: what changes from step to step, where a graph's arguments do not.</summary>
    /// <returns>Its address on the card.</returns>
    /// <exception cref="InvalidOperationException">There is none left.</exception>
    public nint TakeNumber()
    {
        lock (_free)
            return _free.TryDequeue(out int place) ? _numbers.Address + (place * sizeof(int)) : throw new InvalidOperationException($"More than {MostNumbers} caches and sessions are on one card.");
    }

    /// <summary>Gives it back.</summary>
    public void ReturnNumber(nint address)
    {
        lock (_free)
            _free.Enqueue((int)(address - _numbers.Address) / sizeof(int));
    }

    /// <summary>Room for what a call's kernels leave for its later ones, and no longer: all share it.</summary>
    /// <param name="bytes">As much as is needed at least.</param>
    /// <returns>Memory that stays where it is as long as it is known.</returns>
    public DeviceMemory Scratch(long bytes)
    {
        lock (_free)
        {
            // Recorded steps know the memory they were given: a larger one is another.
            if (_scratch is null || _scratch.Bytes < bytes)
                _scratch = new DeviceMemory(Context, bytes);
            return _scratch;
        }
    }

    /// <summary>Sets integers, in the order of the stream's work.</summary>
    /// <param name="address">Of the first.</param>
    /// <param name="values">The integers; they may change once this returns.</param>
    public unsafe void Write(nint address, ReadOnlySpan<int> values)
    {
        fixed (int* first = values)
            Stream.CopyToDevice(address, first, values.Length * sizeof(int));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Context.Use();
        Kernels.Dispose();
        Stream.Dispose();
        _scratch?.Dispose();
        _numbers.Dispose();
        Context.Dispose();
    }
}
