namespace TailorKV.Runtime.Backends.Cpu.Cache.Packs;

/// <summary>The lanes and depths of consecutive packs that one call of a kernel goes through. For keys each pack is repeated with lanes (tokens) of its own; for values the packs are summed over.</summary>
/// <param name="First">Where the first pack's first lane lies.</param>
/// <param name="Shape">A pack's shape.</param>
/// <param name="FirstDepth">The first depth that takes part; a multiple of a word row's depths, of 3 and 5 bits also of a word row's upper bits.</param>
/// <param name="Depth">How many depths take part; whole word rows.</param>
/// <param name="GroupDepth">Depths that share scales and a sum of factors: all, or as many as <paramref name="FirstDepth"/> may be; the last group may have fewer.</param>
/// <param name="Sums">Packs that are summed over.</param>
/// <param name="Repeats">How often that is repeated, each time with the next pack and the next lanes.</param>
/// <param name="Lanes">Lanes, a multiple of eight.</param>
/// <param name="Next">The address that will be read next: as many bytes as the kernel reads are prefetched from there.</param>
internal readonly record struct PackRange(nint First, PackShape Shape, int FirstDepth, int Depth, int GroupDepth, int Sums, int Repeats, int Lanes, nint Next)
{
    /// <summary>Groups of depths.</summary>
    public int Groups => (Depth + GroupDepth - 1) / GroupDepth;
}
