using System.Runtime.InteropServices;

namespace TailorKV.Cuda.Driver;

/// <summary>What belongs to a context, which stays as long as anything of it does.</summary>
internal abstract class ContextHandle : SafeHandle
{
    private readonly PrimaryContext _context;

    /// <summary>Takes hold of the context and makes it the calling thread's.</summary>
    /// <param name="context">The context.</param>
    protected ContextHandle(PrimaryContext context)
        : base(0, ownsHandle: true)
    {
        bool added = false;
        context.DangerousAddRef(ref added);
        _context = context;
        try
        {
            context.Use();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    /// <remarks>Never: what was not made still lets go of the context.</remarks>
    public sealed override bool IsInvalid => false;

    /// <summary>Gives it back; the context is the thread's.</summary>
    /// <returns>The driver's result.</returns>
    protected abstract int Release();

    /// <inheritdoc/>
    protected sealed override bool ReleaseHandle()
    {
        bool released = handle == 0 || (_context.TryUse() && Release() == 0);
        _context.DangerousRelease();
        return released;
    }
}
