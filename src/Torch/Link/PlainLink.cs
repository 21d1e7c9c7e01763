using static TorchSharp.torch;

namespace TailorKV.Torch.Link;

/// <summary>The link where the device's memory is the host's: what is begun is done.</summary>
internal sealed unsafe class PlainLink : HostLink
{
    /// <inheritdoc/>
    public override void Follow()
    {
    }

    /// <inheritdoc/>
    public override void Begin(nint source, nint destination, long bytes) => Buffer.MemoryCopy((void*)source, (void*)destination, bytes, bytes);

    /// <inheritdoc/>
    public override void Wait()
    {
    }

    /// <inheritdoc/>
    public override Tensor Fetch(Tensor rows, Tensor places, Device device) =>
        stack([.. Enumerable.Range(0, (int)rows.shape[0]).Select(head => rows.select(0, head).index_select(0, places.select(0, head)))]).to(device);

    /// <inheritdoc/>
    public override void Dispose()
    {
    }
}
