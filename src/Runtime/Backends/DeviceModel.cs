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
