using TailorKV.Runtime.Backends;
using TailorKV.Runtime.Backends.Cpu.Timing;
using TailorKV.Torch.Numbers;
using TorchSharp;
using static TorchSharp.torch;

namespace TailorKV.Torch.Timing;

/// <summary>A decoder layer's seven products by one token, in the type that the backend keeps matrices in.</summary>
internal sealed class TorchMultiplying : TimedWork
{
    private readonly Tensor[] _matrices;
    private readonly Tensor[] _inputs;

    public TorchMultiplying(int hidden, Device device, ScalarType type)
    {
        _matrices = [.. WeightMultiplying.Products.Select(product => full([(long)(product.Rows * hidden), (long)(product.Columns * hidden)], Held.Of(0.01), type, device).DetachFromDisposeScope())];
        _inputs = [.. _matrices.Select(matrix => ones([1, matrix.shape[1]], type, device).DetachFromDisposeScope())];
        Amount = _matrices.Sum(matrix => (double)matrix.numel());
    }

    /// <inheritdoc/>
    public override double Amount { get; }

    /// <inheritdoc/>
    public override void Run()
    {
        using var scope = NewDisposeScope();
        Tensor last = _inputs[0];
        for (int i = 0; i < _matrices.Length; i++)
            last = _inputs[i].matmul(_matrices[i].t());
        _ = last.sum().to(ScalarType.Float32).item<float>();
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        foreach (Tensor tensor in _matrices.Concat(_inputs))
            tensor.Dispose();
    }
}
