using static TorchSharp.torch;

namespace TailorKV.Torch.Link;

/// <summary>
/// Brings bytes of the host's memory to the device, beside what the device is at. Copies that were begun are there for all that the device is told to do after <see cref="Wait"/>; until then neither
/// their source nor their destination may be touched. Sessions at work at once share it.
/// </summary>
internal abstract class HostLink : IDisposable
{
    /// <summary>What is begun from now on comes after all that the device has been told to do so far: it may still be reading what lies at the destination.</summary>
    public abstract void Follow();

    /// <summary>Begins a copy, after a <see cref="Follow"/>.</summary>
    /// <param name="source">Where the bytes lie on the host.</param>
    /// <param name="destination">Where they go on the device.</param>
    /// <param name="bytes">How many.</param>
    public abstract void Begin(nint source, nint destination, long bytes);

    /// <summary>What the device is told to do from now on comes after the copies begun so far.</summary>
    public abstract void Wait();

    /// <summary>Fetches rows, each KV head its own.</summary>
    /// <param name="rows">[kvHeads, tokens, length], on the host, the elements of a row side by side.</param>
    /// <param name="places">[kvHeads, n], int64, on the host.</param>
    /// <param name="device">Where they go.</param>
    /// <returns>[kvHeads, n, length], on the device.</returns>
    public abstract Tensor Fetch(Tensor rows, Tensor places, Device device);

    /// <summary>Gives back what it holds.</summary>
    public abstract void Dispose();
}
