using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Backends;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Models;
using TailorKV.Runtime.Weights;

namespace TailorKV.Quality;

/// <summary>A backend whose full caches can be put into others: what a way of keeping tokens would lose is measured before the library has it.</summary>
/// <param name="inner">What does the work.</param>
internal sealed class WrappingBackend(Backend inner) : Backend
{
    private Wrapping? _wrapping;
    private int _layers;
    private int _caches;

    /// <summary>Puts a cache into another.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="shape">Its shape.</param>
    /// <param name="cache">Its full cache.</param>
    public delegate LayerCache Wrapping(int layer, LayerShape shape, LayerCache cache);

    public override string Name => inner.Name;

    public override string Description => inner.Description;

    public override int Threads => inner.Threads;

    public override long DeviceBytes => inner.DeviceBytes;

    public override long HostBytes => inner.HostBytes;

    public override long FreeDeviceBytes => inner.FreeDeviceBytes;

    public override bool OverlapsTransfers => inner.OverlapsTransfers;

    /// <summary>Wraps all full caches while some work is done that makes those of all layers, in their order, any number of times.</summary>
    /// <param name="layers">Layers of the model.</param>
    /// <param name="wrapping">What wraps them.</param>
    /// <param name="work">The work.</param>
    public T While<T>(int layers, Wrapping wrapping, Func<T> work)
    {
        (_wrapping, _layers, _caches) = (wrapping, layers, 0);
        try
        {
            return work();
        }
        finally
        {
            _wrapping = null;
        }
    }

    public override WeightMemory MemoryOf(ModelFiles files) => inner.MemoryOf(files);

    public override DeviceModel Load(ModelFiles files) => inner.Load(files);

    public override void RequireFree(long deviceBytes, long hostBytes, string what) => inner.RequireFree(deviceBytes, hostBytes, what);

    public override DeviceArena TakeDevice(string name, long bytes) => inner.TakeDevice(name, bytes);

    public override Arena TakeHost(string name, long bytes) => inner.TakeHost(name, bytes);

    public override LayerCache CreateCache(
        LayerPolicy policy, LayerShape layer, int context, DeviceArena device, Arena host, DeviceArena staging, float? softCap = null, KeyCalibration? calibration = null)
    {
        LayerCache cache = inner.CreateCache(policy, layer, context, device, host, staging, softCap, calibration);
        return _wrapping is null || policy is not FullPolicy ? cache : _wrapping(_caches++ % _layers, layer, cache);
    }

    public override TimedWork ReadMemory(long bytes) => inner.ReadMemory(bytes);

    public override TimedWork FetchRows(LayerShape layer, int rows, long bytes) => inner.FetchRows(layer, rows, bytes);

    public override TimedWork MultiplyWeights(WeightType type, int hidden) => inner.MultiplyWeights(type, hidden);

    protected override void Dispose(bool disposing) => inner.Dispose();
}
