using TailorKV.Torch.Memory;
using TorchSharp;
using static TorchSharp.torch;

namespace TailorKV.Torch.Link;

/// <summary>
/// The link to a CUDA card: the driver's asynchronous copies on a stream of their own, ordered by events against the stream that libtorch works on, which is the legacy default one, as TorchSharp has no
/// word for another. Sources are pinned (<see cref="PinnedMemory"/>); rows are gathered in pinned memory, and while one head's cross the next head's are gathered.
/// </summary>
internal sealed class CardLink : HostLink
{
    private const nint Legacy = 0;

    private readonly CardDriver _driver = CardDriver.Loaded;
    private readonly Lock _calls = new();
    private readonly nint _stream;
    private readonly nint _told;
    private readonly nint _copied;
    private Tensor? _gathered;

    /// <summary>Makes the stream and its events.</summary>
    public CardLink()
    {
        // The driver's calls are of the context that the runtime makes current with the first tensor of a thread.
        zeros(1, ScalarType.Byte, CUDA).Dispose();
        (_stream, _told, _copied) = (_driver.CreateStream(), _driver.CreateEvent(), _driver.CreateEvent());
    }

    /// <inheritdoc/>
    public override void Follow()
    {
        lock (_calls)
        {
            _driver.Record(_told, Legacy);
            _driver.Await(_stream, _told);
        }
    }

    /// <inheritdoc/>
    public override void Begin(nint source, nint destination, long bytes) => _driver.Copy(destination, source, bytes, _stream);

    /// <inheritdoc/>
    public override void Wait()
    {
        lock (_calls)
        {
            _driver.Record(_copied, _stream);
            _driver.Await(Legacy, _copied);
        }
    }

    /// <inheritdoc/>
    public override Tensor Fetch(Tensor rows, Tensor places, Device device)
    {
        int heads = (int)rows.shape[0];
        Tensor fetched = empty([heads, places.shape[1], rows.shape[2]], rows.dtype, device);
        long bytes = places.shape[1] * rows.shape[2] * rows.element_size();
        // Whoever shares the link must not gather in the same memory.
        lock (_calls)
        {
            // What was gathered there before may still be crossing.
            _driver.Synchronize(_copied);
            nint room = Room(heads * bytes), destination = HostMemory.Start(fetched);
            Follow();
            for (int head = 0; head < heads; head++)
            {
                RowGathering.Gather(rows.select(0, head), places.select(0, head), room + (nint)(head * bytes));
                Begin(room + (nint)(head * bytes), destination + (nint)(head * bytes), bytes);
            }

            Wait();
        }

        return fetched;
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _driver.DestroyStream(_stream);
        _driver.DestroyEvent(_told);
        _driver.DestroyEvent(_copied);
        _gathered?.Dispose();
    }

    private nint Room(long bytes)
    {
        if (_gathered is null || _gathered.numel() < bytes)
        {
            _gathered?.Dispose();
            using Tensor plain = empty(bytes, ScalarType.Byte);
            _gathered = plain.pin_memory().DetachFromDisposeScope();
        }

        return HostMemory.Start(_gathered);
    }
}
