using System.Runtime.InteropServices;
using TailorKV.Cuda.Cache;
using TailorKV.Cuda.Driver;
using TailorKV.Cuda.Memory;
using TailorKV.Cuda.Models;
using TailorKV.Planner;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Backends;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Models;
using TailorKV.Runtime.Weights;

namespace TailorKV.Cuda;

/// <summary>
/// Runs models on an NVIDIA card in kernels of our own, compiled for it by NVRTC; a decoded token is one CUDA graph. It needs the card's driver and NVRTC, and no libtorch.
/// What policies it has no kernels for it refuses by name (docs/cuda.md).
/// </summary>
public sealed class CudaBackend : Backend
{
    private readonly Card _card;

    /// <summary>Opens a card.</summary>
    /// <param name="options">Which; null for the first.</param>
    /// <exception cref="TailorKVException">There is no driver, no card, or either is too old; the message says which, and what helps.</exception>
    public CudaBackend(CudaOptions? options = null)
    {
        options ??= new CudaOptions();
        _card = new Card(options.Card, options.KernelCache, options.KernelText);
    }

    /// <inheritdoc/>
    public override string Name => "cuda-kernels";

    /// <inheritdoc/>
    public override string Description => $"{_card.Context.Name}, compute capability {_card.Context.Capability.Major}.{_card.Context.Capability.Minor}, {_card.Context.Processors} multiprocessors; "
        + $"driver for CUDA {_card.Context.DriverVersion / 1000}.{_card.Context.DriverVersion % 1000 / 10}";

    /// <inheritdoc/>
    public override int Threads => 1;

    /// <inheritdoc/>
    public override long DeviceBytes => _card.Context.TotalBytes;

    /// <inheritdoc/>
    public override long HostBytes => GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;

    /// <inheritdoc/>
    public override long FreeDeviceBytes => _card.Context.FreeBytes;

    /// <inheritdoc/>
    public override bool OverlapsTransfers => false;

    internal Card Card => _card;

    /// <inheritdoc/>
    public override DeviceModel Load(ModelFiles files) => new CudaModel(this, _card, files);

    /// <inheritdoc/>
    public override void RequireFree(long deviceBytes, long hostBytes, string what)
    {
        FreeMemory.Require(hostBytes, what);
        if (FreeDeviceBytes is var free && deviceBytes > free)
            throw new CapacityExceededException($"{what} takes {deviceBytes} bytes ({ByteSize.Format(deviceBytes)}) of the card, and {free} ({ByteSize.Format(free)}) are free", "Plan with less --vram, or free memory of the card");
    }

    /// <inheritdoc/>
    public override DeviceArena TakeDevice(string name, long bytes) => new CudaArena(name, bytes, _card);

    /// <inheritdoc/>
    public override unsafe Arena TakeHost(string name, long bytes)
    {
        if (bytes == 0)
            return new Arena(name, bytes);
        PinnedMemory memory = new(_card.Context, bytes + CacheBytes.Alignment);
        NativeMemory.Clear((void*)memory.Address, (nuint)(bytes + CacheBytes.Alignment));
        return new Arena(name, memory.Address, bytes, memory);
    }

    /// <inheritdoc/>
    /// <exception cref="TailorKVException">There are no kernels for such a layer; the message says for which there are.</exception>
    public override LayerCache CreateCache(
        LayerPolicy policy, LayerShape layer, int context, DeviceArena device, Arena host, DeviceArena staging, float? softCap = null, KeyCalibration? calibration = null) =>
        CudaCaches.Make(policy, new CacheRequest(layer, context, (CudaArena)device, host, (CudaArena)staging, softCap, calibration));

    /// <inheritdoc/>
    /// <exception cref="NotSupportedException">Always: a card's times are taken by libtorch's backend.</exception>
    public override TimedWork ReadMemory(long bytes) => throw NoTimes();

    /// <inheritdoc/>
    /// <exception cref="NotSupportedException">Always: a card's times are taken by libtorch's backend.</exception>
    public override TimedWork FetchRows(LayerShape layer, int rows, long bytes) => throw NoTimes();

    /// <inheritdoc/>
    /// <exception cref="NotSupportedException">Always: a card's times are taken by libtorch's backend.</exception>
    public override TimedWork MultiplyWeights(WeightType type, int hidden) => throw NoTimes();

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _card.Dispose();
    }

    private static NotSupportedException NoTimes() => new("The kernels' times are not taken by this release: use the libtorch backend's.");
}
