namespace TailorKV.Runtime.Backends;

/// <summary>A piece of a device's work, done again and again to find out how long it takes.</summary>
public abstract class TimedWork : IDisposable
{
    /// <summary>Bytes, or multiply-adds, of a run.</summary>
    public abstract double Amount { get; }

    /// <summary>Does it once and returns when it is done.</summary>
    public abstract void Run();

    /// <summary>Gives back what it holds.</summary>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Gives back what it holds.</summary>
    /// <param name="disposing">Whether it is disposed of, and not collected.</param>
    protected abstract void Dispose(bool disposing);
}
