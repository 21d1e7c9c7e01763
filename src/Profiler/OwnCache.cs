using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Backends;
using TailorKV.Runtime.Memory;

namespace TailorKV.Profiler;

/// <summary>A layer's cache with memory of its own, exactly what its policy says.</summary>
internal sealed class OwnCache : IDisposable
{
    private readonly DeviceArena _device;
    private readonly Arena _host;
    private readonly DeviceArena _staging;

    public OwnCache(Backend backend, LayerPolicy policy, LayerShape shape, int tokens, float? softCap = null, KeyCalibration? calibration = null)
    {
        CacheBytes bytes = policy.Bytes(shape, tokens);
        _device = backend.TakeDevice("device", bytes.Device);
        _host = backend.TakeHost("host", bytes.Host);
        _staging = backend.TakeDevice("staging", bytes.Staging);
        Cache = backend.CreateCache(policy, shape, tokens, _device, _host, _staging, softCap, calibration);
    }

    public LayerCache Cache { get; }

    public void Dispose()
    {
        _device.Dispose();
        _host.Dispose();
        _staging.Dispose();
    }
}
