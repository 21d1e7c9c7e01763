using TailorKV.Runtime.Backends;
using TorchSharp;
using static TorchSharp.torch;

namespace TailorKV.Torch.Timing;

/// <summary>Device memory read in order, as a sum.</summary>
internal sealed class TorchMemoryReading(long bytes, Device device) : TimedWork
{
    private readonly Tensor _numbers = ones([bytes / sizeof(float)], ScalarType.Float32, device).DetachFromDisposeScope();

    /// <inheritdoc/>
    public override double Amount => _numbers.numel() * (double)sizeof(float);

    /// <inheritdoc/>
    public override void Run()
    {
        // Bringing the sum to the host waits for the device.
        using Tensor sum = _numbers.sum();
        _ = sum.item<float>();
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing) => _numbers.Dispose();
}
