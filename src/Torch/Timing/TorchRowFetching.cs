using TailorKV.Planner.Models;
using TailorKV.Runtime.Backends;
using TailorKV.Torch.Link;
using TorchSharp;
using static TorchSharp.torch;

namespace TailorKV.Torch.Timing;

/// <summary>Rows in bf16 gathered from random places of host memory and brought to the device, each KV head its own.</summary>
internal sealed class TorchRowFetching : TimedWork
{
    private readonly Device _device;
    private readonly HostLink _link;
    private readonly Tensor _stored;
    private readonly Tensor[] _places;
    private int _runs;

    public TorchRowFetching(LayerShape layer, int rows, long bytes, Device device, HostLink link)
    {
        (_device, _link) = (device, link);
        int rowBytes = layer.HeadDim * sizeof(ushort);
        _stored = ones([1, bytes / rowBytes, layer.HeadDim], ScalarType.BFloat16).DetachFromDisposeScope();
        long fetched = (long)layer.KvHeads * rows;
        // So many that rows fetched once have left the processor's caches before they are fetched again.
        _places = [.. Enumerable.Range(0, 16).Select(_ => randint(_stored.shape[1], [1, fetched], ScalarType.Int64).DetachFromDisposeScope())];
        Amount = (double)fetched * rowBytes;
    }

    /// <inheritdoc/>
    public override double Amount { get; }

    /// <inheritdoc/>
    public override void Run()
    {
        using var scope = NewDisposeScope();
        Tensor rows = _link.Fetch(_stored, _places[_runs++ % _places.Length], _device).to(ScalarType.Float32);
        _ = rows.flatten().select(0, 0).item<float>();
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _stored.Dispose();
        foreach (Tensor places in _places)
            places.Dispose();
    }
}
