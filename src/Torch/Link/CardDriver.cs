using System.Runtime.InteropServices;
using TailorKV.Planner;

namespace TailorKV.Torch.Link;

/// <summary>The CUDA driver's calls that TorchSharp has no word for. They are of the context that is current for the thread: the card's own, which libtorch's runtime has made so.</summary>
internal sealed unsafe class CardDriver
{
    // CU_STREAM_NON_BLOCKING: no order against the legacy stream but that of events. CU_EVENT_DISABLE_TIMING.
    private const uint NonBlocking = 1;
    private const uint DisableTiming = 2;

    private static readonly Lazy<CardDriver> Instance = new(() => new CardDriver());

    private readonly delegate* unmanaged<nuint*, nuint*, int> _memoryInfo;
    private readonly delegate* unmanaged<nint*, uint, int> _createStream;
    private readonly delegate* unmanaged<nint, int> _destroyStream;
    private readonly delegate* unmanaged<nint*, uint, int> _createEvent;
    private readonly delegate* unmanaged<nint, int> _destroyEvent;
    private readonly delegate* unmanaged<nint, nint, int> _record;
    private readonly delegate* unmanaged<nint, nint, uint, int> _await;
    private readonly delegate* unmanaged<nint, int> _synchronize;
    private readonly delegate* unmanaged<nint, nint, nuint, nint, int> _copy;

    private CardDriver()
    {
        string name = OperatingSystem.IsWindows() ? "nvcuda.dll" : "libcuda.so.1";
        if (!NativeLibrary.TryLoad(name, out nint library))
            throw new TailorKVException($"the CUDA driver's library {name} cannot be loaded", "Look whether nvidia-smi shows the card, and install the driver");
        _memoryInfo = (delegate* unmanaged<nuint*, nuint*, int>)Export("cuMemGetInfo_v2");
        _createStream = (delegate* unmanaged<nint*, uint, int>)Export("cuStreamCreate");
        _destroyStream = (delegate* unmanaged<nint, int>)Export("cuStreamDestroy_v2");
        _createEvent = (delegate* unmanaged<nint*, uint, int>)Export("cuEventCreate");
        _destroyEvent = (delegate* unmanaged<nint, int>)Export("cuEventDestroy_v2");
        _record = (delegate* unmanaged<nint, nint, int>)Export("cuEventRecord");
        _await = (delegate* unmanaged<nint, nint, uint, int>)Export("cuStreamWaitEvent");
        _synchronize = (delegate* unmanaged<nint, int>)Export("cuEventSynchronize");
        _copy = (delegate* unmanaged<nint, nint, nuint, nint, int>)Export("cuMemcpyHtoDAsync_v2");

        nint Export(string function) => NativeLibrary.TryGetExport(library, function, out nint address) ? address
            : throw new TailorKVException($"the CUDA driver's library {name} has no {function}", "Install a newer driver");
    }

    /// <summary>The driver, loaded once.</summary>
    /// <exception cref="TailorKVException">It is not there.</exception>
    public static CardDriver Loaded => Instance.Value;

    /// <summary>Bytes of the card's memory free and in all.</summary>
    public (long Free, long Total) Memory()
    {
        nuint free, total;
        Check(_memoryInfo(&free, &total), "say how much memory is free");
        return ((long)free, (long)total);
    }

    /// <summary>Makes a stream that no other waits for.</summary>
    public nint CreateStream()
    {
        nint stream;
        Check(_createStream(&stream, NonBlocking), "make a stream");
        return stream;
    }

    /// <summary>Gives a stream back, when what it was told is done.</summary>
    public void DestroyStream(nint stream) => _ = _destroyStream(stream);

    /// <summary>Makes an event.</summary>
    public nint CreateEvent()
    {
        nint created;
        Check(_createEvent(&created, DisableTiming), "make an event");
        return created;
    }

    /// <summary>Gives an event back.</summary>
    public void DestroyEvent(nint created) => _ = _destroyEvent(created);

    /// <summary>The event is when a stream has done what it has been told so far.</summary>
    public void Record(nint when, nint stream) => Check(_record(when, stream), "record an event");

    /// <summary>A stream does what it is told from now on after an event.</summary>
    public void Await(nint stream, nint when) => Check(_await(stream, when, 0), "wait for an event");

    /// <summary>Returns when an event has been; at once where it was never recorded.</summary>
    public void Synchronize(nint when) => Check(_synchronize(when), "wait for copies");

    /// <summary>Tells a stream to copy from the host to the card.</summary>
    public void Copy(nint card, nint host, long bytes, nint stream) => Check(_copy(card, host, (nuint)bytes, stream), $"copy {bytes} bytes to the card");

    private static void Check(int result, string what)
    {
        if (result != 0)
            throw new TailorKVException($"the CUDA driver does not {what}: error {result}", "Look whether nvidia-smi shows the card, and what else uses it");
    }
}
