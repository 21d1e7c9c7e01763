using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Runtime.Backends.Cpu;
using TailorKV.Runtime.Backends.Cpu.Cache;
using TailorKV.Runtime.Memory;

namespace TailorKV.Profiler;

/// <summary>A layer's cache with memory of its own, exactly what its policy says.</summary>
internal sealed class OwnCache : IDisposable
{
    private readonly Arena _device;
    private readonly Arena _host;
    private readonly Arena _staging;

    public OwnCache(CpuBackend backend, LayerPolicy policy, LayerShape shape, int tokens, float? softCap = null)
    {
        CacheBytes bytes = policy.Bytes(shape, tokens);
        _device = new Arena("device", bytes.Device);
        _host = new Arena("host", bytes.Host);
        _staging = new Arena("staging", bytes.Staging);
        Cache = new LayerCache(backend.Pool, policy, shape, tokens, _device, _host, _staging, softCap: softCap);
    }

    public LayerCache Cache { get; }

    public void Dispose()
    {
        _device.Dispose();
        _host.Dispose();
        _staging.Dispose();
    }
}
