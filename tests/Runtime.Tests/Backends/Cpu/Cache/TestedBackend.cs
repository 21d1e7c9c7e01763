using TailorKV.Planner.Models;
using TailorKV.Runtime.Backends;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Tests.Backends.Cpu.Cache;

/// <summary>A backend whose caches are compared with the plain heads.</summary>
internal abstract class TestedBackend
{
    /// <summary>The backend.</summary>
    public abstract Backend Backend { get; }

    /// <summary>A case's cache.</summary>
    public virtual LayerCache Make(CacheCase one, DeviceArena device, Arena host, DeviceArena staging) =>
        Backend.CreateCache(one.Policy, one.Layer, one.Context, device, host, staging, one.SoftCap, one.Calibration);

    /// <summary>Gives a cache a chunk of a prompt's queries.</summary>
    /// <param name="queries">What the cache keeps of them.</param>
    /// <param name="first">Position of the chunk's first token.</param>
    /// <param name="count">Its tokens.</param>
    /// <param name="chunk">[count, heads, headDim].</param>
    /// <param name="layer">The layer's shape.</param>
    /// <param name="rotary">What turned them, or null.</param>
    public abstract void Observe(PromptQueries queries, int first, int count, DeviceTensor chunk, LayerShape layer, PlainRotary? rotary);
}
