using System.Collections.Concurrent;
using TailorKV.Cuda.Driver;

namespace TailorKV.Cuda.Compiling;

/// <summary>A card's kernels, compiled and loaded when they are first asked for.</summary>
/// <param name="context">The card.</param>
/// <param name="compiler">Compiles for it.</param>
internal sealed class KernelLibrary(PrimaryContext context, KernelCompiler compiler) : IDisposable
{
    private readonly ConcurrentDictionary<string, Lazy<KernelModule>> _modules = new(StringComparer.Ordinal);

    /// <summary>One kernel of a family.</summary>
    /// <param name="source">The family and its macros.</param>
    /// <param name="name">The kernel.</param>
    public Kernel Kernel(KernelSource source, string name)
    {
        context.Use();
        return _modules.GetOrAdd(source.Name, _ => new Lazy<KernelModule>(() => new KernelModule(context, compiler.Image(source), source.Name))).Value.Kernel(name);
    }

    /// <summary>Unloads them.</summary>
    public void Dispose()
    {
        foreach (Lazy<KernelModule> module in _modules.Values.Where(module => module.IsValueCreated))
            module.Value.Dispose();
        _modules.Clear();
    }
}
