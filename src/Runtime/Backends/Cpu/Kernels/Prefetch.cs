using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace TailorKV.Runtime.Backends.Cpu.Kernels;

/// <summary>Asks for memory that will be read soon, where the machine can be asked: its own guesses end at each page, and fail where several rows are read at a time.</summary>
internal static unsafe class Prefetch
{
    /// <summary>Bytes from what is read to what is asked for meanwhile.</summary>
    public const int Ahead = 6144;

    /// <summary>The same of <see cref="DistantLines"/>, which have further to come and do not crowd the first cache.</summary>
    public const int FarAhead = 16384;

    private const int CacheLine = 64;

    /// <summary>Asks for up to four cache lines.</summary>
    /// <param name="start">Where they begin; it need not be memory at all.</param>
    /// <param name="bytes">Bytes, known when the caller is compiled.</param>
    /// <returns>What follows them.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static byte* Lines(byte* start, int bytes)
    {
        if (!Sse.IsSupported)
            return start + bytes;
        Sse.Prefetch0(start);
        if (bytes > CacheLine)
            Sse.Prefetch0(start + CacheLine);
        if (bytes > 2 * CacheLine)
            Sse.Prefetch0(start + (2 * CacheLine));
        if (bytes > 3 * CacheLine)
            Sse.Prefetch0(start + (3 * CacheLine));
        return start + bytes;
    }

    /// <summary>Asks for all cache lines that some bytes lie in.</summary>
    public static void All(ReadOnlySpan<byte> bytes)
    {
        if (!Sse.IsSupported)
            return;
        fixed (byte* start = bytes)
        {
            for (byte* line = start - ((nuint)start % CacheLine); line < start + bytes.Length; line += CacheLine)
                Sse.Prefetch0(line);
        }
    }

    /// <summary>Asks for as many bytes as some numbers take, where those numbers end: they are read next.</summary>
    public static void Following(ReadOnlySpan<Half> some)
    {
        fixed (Half* start = some)
        {
            for (nint next = some.Length * sizeof(Half); next < 2 * some.Length * sizeof(Half); next += CacheLine)
                Lines((byte*)start + next, CacheLine);
        }
    }

    /// <summary>Asks for up to two cache lines that are read later, into the second cache.</summary>
    /// <inheritdoc cref="Lines"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static byte* DistantLines(byte* start, int bytes)
    {
        if (!Sse.IsSupported)
            return start + bytes;
        Sse.Prefetch1(start);
        if (bytes > CacheLine)
            Sse.Prefetch1(start + CacheLine);
        return start + bytes;
    }
}
