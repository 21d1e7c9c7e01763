using TailorKV.Planner;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Backends;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Models;
using TailorKV.Runtime.Weights;
using TailorKV.Torch.Cache;
using TailorKV.Torch.Cache.Layers;
using TailorKV.Torch.Library;
using TailorKV.Torch.Link;
using TailorKV.Torch.Memory;
using TailorKV.Torch.Model;
using TailorKV.Torch.Timing;
using TorchSharp;
using static TorchSharp.torch;

namespace TailorKV.Torch;

/// <summary>
/// Runs models in libtorch's operations (TorchSharp), on the devices that libtorch has: this machine's processors, or a CUDA card. Every policy, code format and index is there. On the
/// processors it is the reference for what a card does, and slower than <see cref="Runtime.Backends.Cpu.CpuBackend"/>.
/// </summary>
public sealed class TorchBackend : Backend
{
    /// <summary>The word for libtorch on this machine's processors.</summary>
    public const string DeviceName = "torch";

    /// <summary>The word for libtorch on a CUDA card.</summary>
    public const string CudaName = "cuda";

    private readonly bool _cuda;
    private readonly Device _device;
    private readonly string _folder;
    private readonly HostLink _link;

    /// <summary>Loads libtorch, unless that has been done.</summary>
    /// <param name="options">Which device, and how many threads; null for the defaults.</param>
    /// <exception cref="TailorKVException">libtorch is not there or cannot be loaded, or it finds no card.</exception>
    public TorchBackend(TorchOptions? options = null)
        : this(options ?? new TorchOptions(), link: null)
    {
    }

    /// <summary>A backend with another link than its device's own.</summary>
    internal TorchBackend(TorchOptions options, HostLink? link)
    {
        _folder = TorchLibrary.Load();
        _cuda = options.Cuda;
        if (_cuda && !cuda.is_available())
        {
            throw new TailorKVException(
                $"libtorch of {_folder} finds no CUDA card", $"Use --device {DeviceName} or cpu; with a card, set {TorchLibrary.Variable} to a folder with libtorch {TorchLibrary.Version} for CUDA");
        }

        if (options.Threads is { } threads)
            set_num_threads(threads);
        _device = _cuda ? CUDA : CPU;
        _link = link ?? (_cuda ? new CardLink() : new PlainLink());
    }

    /// <summary>Which libtorch would be used and from where, and whether it finds a card; or what keeps it from being loaded, with the remedy.</summary>
    public static string Describe()
    {
        try
        {
            string folder = TorchLibrary.Load();
            return $"{torch.__version__} of {folder}, {(cuda.is_available() ? "with a CUDA card" : "no CUDA card")}";
        }
        catch (TailorKVException exception)
        {
            return exception.Message;
        }
    }

    /// <inheritdoc/>
    public override string Name => _cuda ? CudaName : DeviceName;

    /// <inheritdoc/>
    public override string Description => _cuda ? $"libtorch {TorchLibrary.Version} on a CUDA card" : $"libtorch {TorchLibrary.Version} on {Threads} {(Threads == 1 ? "thread" : "threads")}";

    /// <inheritdoc/>
    public override int Threads => get_num_threads();

    /// <inheritdoc/>
    public override long DeviceBytes => _cuda ? CardDriver.Loaded.Memory().Total : HostBytes;

    /// <inheritdoc/>
    public override long HostBytes => GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;

    /// <inheritdoc/>
    public override long FreeDeviceBytes => _cuda ? CardDriver.Loaded.Memory().Free : FreeMemory.Bytes();

    /// <inheritdoc/>
    public override bool OverlapsTransfers => _cuda;

    /// <inheritdoc/>
    public override bool HasGradients => true;

    private ScalarType MatrixType => _cuda ? ScalarType.BFloat16 : ScalarType.Float32;

    /// <inheritdoc/>
    public override WeightMemory MemoryOf(ModelFiles files)
    {
        long bytes = TorchModel.BytesOf(files.Weights, MatrixType);
        return new WeightMemory(bytes, 0, Math.Max(0, bytes - files.Weights.StoredBytes));
    }

    /// <inheritdoc/>
    public override DeviceModel Load(ModelFiles files) => Scarcity.Named(
        () => new TorchModel(this, files, _device, MatrixType), $"the weights of {Path.GetFileName(files.Path)}");

    /// <inheritdoc/>
    public override void RequireFree(long deviceBytes, long hostBytes, string what)
    {
        FreeMemory.Require(_cuda ? hostBytes : deviceBytes + hostBytes, what);
        if (_cuda && FreeDeviceBytes is var free && deviceBytes > free)
            throw new CapacityExceededException($"{what} takes {deviceBytes} bytes ({ByteSize.Format(deviceBytes)}) of the card, and {free} ({ByteSize.Format(free)}) are free", "Plan with less --vram, or free memory of the card");
    }

    /// <inheritdoc/>
    public override DeviceArena TakeDevice(string name, long bytes) => Scarcity.Named(() => new TorchArena(name, bytes, _device), $"{ByteSize.Format(bytes)} for {name}");

    /// <inheritdoc/>
    public override Arena TakeHost(string name, long bytes) => _cuda ? Scarcity.Named(() => PinnedMemory.Take(name, bytes), $"{ByteSize.Format(bytes)} for {name}") : new Arena(name, bytes);

    /// <inheritdoc/>
    public override LayerCache CreateCache(
        LayerPolicy policy, LayerShape layer, int context, DeviceArena device, Arena host, DeviceArena staging, float? softCap = null, KeyCalibration? calibration = null) =>
        TorchCaches.Make(policy, new CacheRequest(layer, context, (TorchArena)device, host, (TorchArena)staging, _device, _link, softCap, calibration));

    /// <inheritdoc/>
    public override TimedWork ReadMemory(long bytes) => new TorchMemoryReading(bytes, _device);

    /// <inheritdoc/>
    public override TimedWork FetchRows(LayerShape layer, int rows, long bytes) => new TorchRowFetching(layer, rows, bytes, _device, _link);

    /// <inheritdoc/>
    public override TimedWork MultiplyWeights(WeightType type, int hidden) => new TorchMultiplying(hidden, _device, MatrixType);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _link.Dispose();
    }
}
