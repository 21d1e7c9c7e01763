using System.Runtime.InteropServices;
using TailorKV.Cuda.Compiling;
using TailorKV.Cuda.Driver;
using TailorKV.Cuda.Memory;

namespace TailorKV.Cuda.Cache;

/// <summary>Launches merge.cu: what a token's splits left becomes its attention.</summary>
internal sealed class Merge(Card card)
{
    private const int Threads = 128;

    private readonly Kernel _kernel = card.Kernels.Kernel(Source, "mergeSplits");
    private readonly Kernel _turned = card.Kernels.Kernel(Source, "mergeTurned");

    /// <summary>Its source.</summary>
    public static KernelSource Source { get; } = new("merge");

    /// <summary>Joins them.</summary>
    /// <param name="partials">[heads, splits, headDim + 2].</param>
    /// <param name="attended">[heads, headDim].</param>
    /// <param name="heads">Query heads.</param>
    /// <param name="headDim">Channels.</param>
    /// <param name="splits">Splits.</param>
    /// <param name="plain">Splits, the first ones, whose values are not turned; null for all.</param>
    public void Run(nint partials, nint attended, int heads, int headDim, int splits, int? plain = null) =>
        (plain is null ? _kernel : _turned).Launch(card.Stream, new Grid(heads), Threads, new Arguments(partials, attended, headDim, splits, plain ?? splits));

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct Arguments(nint Partials, nint Attended, int HeadDim, int Splits, int Plain);
}
