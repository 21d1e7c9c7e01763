using TailorKV.Runtime.Memory;
using static TorchSharp.torch;

namespace TailorKV.Torch.Memory;

/// <summary>A run of single-precision numbers on a libtorch device.</summary>
/// <param name="value">[length].</param>
internal sealed class TorchTensor(Tensor value) : DeviceTensor(value.numel())
{
    /// <summary>[length].</summary>
    public Tensor Value { get; } = value;

    /// <inheritdoc/>
    public override DeviceTensor Part(long start, long length) => new TorchTensor(Value.narrow(0, start, length));

    /// <inheritdoc/>
    public override unsafe void Read(Span<float> destination)
    {
        fixed (float* start = destination)
            HostMemory.View((nint)start, destination.Length).copy_(Value.narrow(0, 0, destination.Length)).Dispose();
    }

    /// <inheritdoc/>
    public override unsafe void Write(ReadOnlySpan<float> source)
    {
        fixed (float* start = source)
        {
            using Tensor from = HostMemory.View((nint)start, source.Length), to = Value.narrow(0, 0, source.Length);
            to.copy_(from);
        }
    }

    /// <inheritdoc/>
    public override void CopyTo(DeviceTensor destination)
    {
        using var scope = NewDisposeScope();
        TorchTensors.Flat(destination, Length).copy_(Value);
    }

    /// <inheritdoc/>
    protected internal override void CopyFrom(HostTensor source)
    {
        using var scope = NewDisposeScope();
        Value.narrow(0, 0, source.Length).copy_(TorchTensors.Flat(source, source.Length));
    }
}
