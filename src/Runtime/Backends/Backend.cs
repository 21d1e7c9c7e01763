using TailorKV.Planner;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Models;
using TailorKV.Runtime.Weights;

namespace TailorKV.Runtime.Backends;

/// <summary>
/// What runs models: a device with its memory, the arithmetic of models on it, and layer caches. Models loaded on one backend share it; it must outlive them. Sessions and the profiler know
/// a device by this class and by what it makes alone. How one is added: docs/adding-a-backend.md.
/// </summary>
public abstract class Backend : IDisposable
{
    /// <summary>The word for it, as in --device.</summary>
    public abstract string Name { get; }

    /// <summary>What does the work, for people.</summary>
    public abstract string Description { get; }

    /// <summary>This machine's threads that work at once.</summary>
    public abstract int Threads { get; }

    /// <summary>Bytes of the device's memory.</summary>
    public abstract long DeviceBytes { get; }

    /// <summary>Bytes of the host's memory.</summary>
    public abstract long HostBytes { get; }

    /// <summary>Bytes of the device's memory that are free.</summary>
    public abstract long FreeDeviceBytes { get; }

    /// <summary>Whether rows come over the host link while kernels work.</summary>
    public abstract bool OverlapsTransfers { get; }

    /// <summary>Whether models on it have <see cref="DeviceModel.Gradients"/>.</summary>
    public virtual bool HasGradients => false;

    /// <summary>Refuses work that needs gradients on a backend that has none.</summary>
    /// <exception cref="TailorKVException">It has none.</exception>
    public void RequireGradients()
    {
        if (!HasGradients)
            throw NoGradients();
    }

    internal TailorKVException NoGradients() => new($"the backend {Name} has no gradients", "Use --device torch, or cuda where there is a card");

    /// <summary>The memory that <see cref="Load"/> would take. Nothing is read but what a model's files say of themselves.</summary>
    /// <param name="files">The model.</param>
    public abstract WeightMemory MemoryOf(ModelFiles files);

    /// <summary>Brings a model's weights to the device.</summary>
    /// <param name="files">The model; it must outlive what is returned.</param>
    /// <exception cref="CapacityExceededException">There is not enough memory free.</exception>
    public abstract DeviceModel Load(ModelFiles files);

    /// <summary>Refuses work that needs more memory than there is free.</summary>
    /// <param name="deviceBytes">What it needs on the device.</param>
    /// <param name="hostBytes">What it needs on the host.</param>
    /// <param name="what">What it is.</param>
    /// <exception cref="CapacityExceededException">There is less.</exception>
    public abstract void RequireFree(long deviceBytes, long hostBytes, string what);

    /// <summary>Takes memory of the device, filled with zeros.</summary>
    /// <param name="name">What it stands for, for messages.</param>
    /// <param name="bytes">Its size.</param>
    public abstract DeviceArena TakeDevice(string name, long bytes);

    /// <summary>Takes memory of the host, from where the device can fetch it, filled with zeros.</summary>
    /// <param name="name">What it stands for, for messages.</param>
    /// <param name="bytes">Its size.</param>
    public abstract Arena TakeHost(string name, long bytes);

    /// <summary>Makes the cache of a layer, out of as many bytes as its policy says.</summary>
    /// <param name="policy">How the layer is kept.</param>
    /// <param name="layer">Its shape.</param>
    /// <param name="context">The most tokens it can hold.</param>
    /// <param name="device">Where its device buffers come from.</param>
    /// <param name="host">Where its host buffers come from.</param>
    /// <param name="staging">Where the device buffers come from that it needs only while it runs, and may share with other layers.</param>
    /// <param name="softCap">Where a score s becomes cap * tanh(s / cap), the cap; else null.</param>
    /// <param name="calibration">What is known of the layer's queries and keys; null where the policy does not need it.</param>
    public abstract LayerCache CreateCache(
        LayerPolicy policy, LayerShape layer, int context, DeviceArena device, Arena host, DeviceArena staging, float? softCap = null, KeyCalibration? calibration = null);

    /// <summary>Work that reads device memory in order.</summary>
    /// <param name="bytes">Bytes of it: more than the device's own caches hold.</param>
    public abstract TimedWork ReadMemory(long bytes);

    /// <summary>Work that fetches rows from random places of host memory to the device, each KV head its own, as a layer fetches them.</summary>
    /// <param name="layer">The layer's shape; a row is a head's key in bf16.</param>
    /// <param name="rows">Rows of each KV head.</param>
    /// <param name="bytes">Bytes of host memory that they come from.</param>
    public abstract TimedWork FetchRows(LayerShape layer, int rows, long bytes);

    /// <summary>Work that multiplies one token by a decoder layer's seven matrices: four query heads share a KV head, and the feed-forward is three times as wide as the hidden states.</summary>
    /// <param name="type">The type that the weights are stored in.</param>
    /// <param name="hidden">Length of the hidden states, a multiple of 256.</param>
    public abstract TimedWork MultiplyWeights(WeightType type, int hidden);

    /// <summary>Gives back what the backend holds. Models loaded on it can do no more work.</summary>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Gives back what the backend holds.</summary>
    /// <param name="disposing">Whether it is disposed of, and not collected.</param>
    protected abstract void Dispose(bool disposing);
}
