using TailorKV.Planner;
using TailorKV.Planner.Profiles;

namespace TailorKV.Runtime.Backends;

/// <summary>A model's weights on a device. Sessions share it; it must outlive them.</summary>
public abstract class DeviceModel : IDisposable
{
    /// <summary>The backend that it was loaded on.</summary>
    public abstract Backend Backend { get; }

    /// <summary>Bytes of device memory that the weights take.</summary>
    public abstract long WeightBytes { get; }

    /// <summary>Bytes of host memory that the weights take besides those stored.</summary>
    public abstract long LaidOutBytes { get; }

    /// <summary>The model's arithmetic in sessions of one context.</summary>
    /// <param name="context">The most tokens that such a session can hold.</param>
    public abstract Transformer CreateTransformer(int context);

    /// <summary>
    /// How the loss, the mean cross entropy of every next token of a text in nats, follows each layer's keys and values. The weights stay as they are, and sessions may be at work meanwhile.
    /// </summary>
    /// <param name="tokens">The text, two tokens at least; read from an empty cache.</param>
    /// <param name="context">The most tokens of the sessions that it is measured for: rotary embeddings may be scaled by it.</param>
    /// <param name="cancellation">Ends the work with nothing.</param>
    /// <returns>One a layer.</returns>
    /// <exception cref="TailorKVException">The backend has no gradients; see <see cref="Backend.HasGradients"/>.</exception>
    /// <exception cref="CapacityExceededException">There is not enough memory free.</exception>
    public virtual IReadOnlyList<LayerGradients> Gradients(ReadOnlySpan<int> tokens, int context, CancellationToken cancellation = default) => throw Backend.NoGradients();

    /// <summary>Gives back what the weights take.</summary>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Gives back what the weights take.</summary>
    /// <param name="disposing">Whether it is disposed of, and not collected.</param>
    protected abstract void Dispose(bool disposing);
}
