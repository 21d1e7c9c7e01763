using System.Runtime.InteropServices;

namespace TailorKV.Runtime.Memory;

/// <summary>Memory in use: whoever closes its handle meanwhile, on this thread or another, or lets go of it, it is given back only when this ends.</summary>
internal readonly ref struct InUse
{
    private readonly SafeHandle _handle;

    /// <summary>Begins the use.</summary>
    /// <exception cref="ObjectDisposedException">The handle has been closed already.</exception>
    public InUse(SafeHandle handle)
    {
        bool added = false;
        handle.DangerousAddRef(ref added);
        _handle = handle;
    }

    /// <summary>Ends the use.</summary>
    public void Dispose() => _handle?.DangerousRelease();
}
