using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace TailorKV.Runtime.Cache.Kernels;

/// <summary>Asks for memory that will be read soon, where the machine can be asked: its own guesses end at each page, and fail where several rows are read at a time.</summary>
internal static unsafe class Prefetch
{
    /// <summary>Bytes from what is read to what is asked for meanwhile.</summary>
    public const int Ahead = 6144;

    private const int CacheLine = 64;

    /// <summary>Asks for up to four cache lines.</summary>
    /// <param name="start">Where they begin; it need not be memory at all.</param>
    /// <param name="bytes">Bytes, known when the caller is compiled.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Lines(byte* start, int bytes)
    {
        if (!Sse.IsSupported)
            return;
        Sse.Prefetch0(start);
        if (bytes > CacheLine)
            Sse.Prefetch0(start + CacheLine);
        if (bytes > 2 * CacheLine)
            Sse.Prefetch0(start + (2 * CacheLine));
        if (bytes > 3 * CacheLine)
            Sse.Prefetch0(start + (3 * CacheLine));
    }
}
