using TailorKV.Planner;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Backends;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Models;
using TailorKV.Runtime.Tests.Models;
using TailorKV.Runtime.Weights;

namespace TailorKV.Runtime.Tests.Backends.Plain;

/// <summary>What every backend must do, said plainly: scalar sums in double precision, caches that remember everything. It runs one model, whose numbers it has from where they were made.</summary>
internal sealed class PlainBackend(TinyModel model) : Backend
{
    public override string Name => "plain";

    public override string Description => "scalar arithmetic in double precision";

    public override int Threads => 1;

    public override long DeviceBytes => long.MaxValue;

    public override long HostBytes => long.MaxValue;

    public override long FreeDeviceBytes => long.MaxValue;

    public override bool OverlapsTransfers => false;

    /// <summary>Bytes that may be taken of each kind of memory.</summary>
    public long Free { get; set; } = long.MaxValue;

    public override WeightMemory MemoryOf(ModelFiles files) => new(files.Weights.StoredBytes, 0, 0);

    /// <summary>How often a model was loaded.</summary>
    public int Loads { get; private set; }

    public override DeviceModel Load(ModelFiles files)
    {
        Loads++;
        return new PlainModel(this, new PlainTransformer(model, files.Shape), files);
    }

    public override void RequireFree(long deviceBytes, long hostBytes, string what)
    {
        if (Math.Max(deviceBytes, hostBytes) > Free)
            throw new CapacityExceededException($"{what} takes {deviceBytes} and {hostBytes} bytes, and {Free} are free", "Raise the test's limit");
    }

    public override DeviceArena TakeDevice(string name, long bytes) => new Arena(name, bytes);

    public override Arena TakeHost(string name, long bytes) => new(name, bytes);

    public override LayerCache CreateCache(
        LayerPolicy policy, LayerShape layer, int context, DeviceArena device, Arena host, DeviceArena staging, float? softCap = null, KeyCalibration? calibration = null)
    {
        CacheBytes bytes = policy.Bytes(layer, context);
        device.TakeArena("device", bytes.Device);
        host.TakeArena("host", bytes.Host);
        staging.TakeArena("staging", bytes.Staging);
        return new PlainLayerCache(policy, layer, softCap, calibration);
    }

    public override TimedWork ReadMemory(long bytes) => throw new NotSupportedException();

    public override TimedWork FetchRows(LayerShape layer, int rows, long bytes) => throw new NotSupportedException();

    public override TimedWork MultiplyWeights(WeightType type, int hidden) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
    }

    private sealed class PlainModel(Backend backend, PlainTransformer transformer, ModelFiles files) : DeviceModel
    {
        public override Backend Backend => backend;

        public override long WeightBytes => files.Weights.StoredBytes;

        public override long LaidOutBytes => 0;

        public override Transformer CreateTransformer(int context) => transformer;

        protected override void Dispose(bool disposing)
        {
        }
    }
}
