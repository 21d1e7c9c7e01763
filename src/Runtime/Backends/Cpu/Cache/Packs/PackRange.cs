namespace TailorKV.Runtime.Backends.Cpu.Cache.Packs;

/// <summary>What a kernel goes through: some lanes and depths of packs that follow each other, either one after another, each with lanes of its own, or summed over.</summary>
/// <param name="First">Where the first pack's first lane lies.</param>
/// <param name="Shape">A pack's shape.</param>
/// <param name="FirstDepth">The first depth that takes part: whole rows, of 3 bits' upper bits too.</param>
/// <param name="Depth">Depths that do: whole rows.</param>
/// <param name="GroupDepth">Depths that have scales, and sums of factors, of their own: all, or whole rows, of 3 bits' upper bits too; the last may be fewer.</param>
/// <param name="Sums">Packs that are summed over.</param>
/// <param name="Repeats">Times that the same goes on, with the pack and the lanes that follow.</param>
/// <param name="Lanes">Lanes, a multiple of eight.</param>
/// <param name="Next">Where begins what is read after it, of which as much is asked for meanwhile as is read.</param>
internal readonly record struct PackRange(nint First, PackShape Shape, int FirstDepth, int Depth, int GroupDepth, int Sums, int Repeats, int Lanes, nint Next)
{
    /// <summary>Groups of depths.</summary>
    public int Groups => (Depth + GroupDepth - 1) / GroupDepth;
}
