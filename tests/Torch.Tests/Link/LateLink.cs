using TailorKV.Torch.Link;
using TorchSharp;

namespace TailorKV.Torch.Tests.Link;

/// <summary>A link whose copies happen as late as they may: when they are waited for. So whatever looks at them before, or overwrites what they come from, shows.</summary>
/// <param name="arrives">Whether they happen at all.</param>
internal sealed class LateLink(bool arrives) : HostLink
{
    private readonly PlainLink _inner = new();
    private readonly List<(nint Source, nint Destination, long Bytes)> _begun = [];
    private bool _follows;

    /// <summary>Waits that found copies begun, and that found none.</summary>
    public (int Useful, int Idle) Waits { get; private set; }

    public override void Follow() => _follows = true;

    public override void Begin(nint source, nint destination, long bytes)
    {
        Assert.True(_follows, "A copy was begun that may overwrite what the device still reads.");
        _begun.Add((source, destination, bytes));
    }

    public override void Wait()
    {
        _follows = false;
        Waits = _begun.Count > 0 ? (Waits.Useful + 1, Waits.Idle) : (Waits.Useful, Waits.Idle + 1);
        if (arrives)
            _begun.ForEach(copy => _inner.Begin(copy.Source, copy.Destination, copy.Bytes));
        _begun.Clear();
    }

    public override torch.Tensor Fetch(torch.Tensor rows, torch.Tensor places, torch.Device device) => _inner.Fetch(rows, places, device);

    public override void Dispose() => _inner.Dispose();
}
