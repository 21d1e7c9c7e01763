using System.Runtime.CompilerServices;

namespace TailorKV.Runtime.Weights.Blocks;

/// <summary>Decodes rows of blocks.</summary>
internal static unsafe class BlockKernel<TBlocks>
    where TBlocks : struct, IBlocks
{
    /// <summary>Whole blocks to numbers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Decode(byte* source, float* destination, int count)
    {
        for (byte* end = source + ((nint)count / TBlocks.Elements * TBlocks.Bytes); source < end; source += TBlocks.Bytes, destination += TBlocks.Elements)
        {
            DecodingSink sink = new(destination);
            TBlocks.Read(source, ref sink);
        }
    }
}
