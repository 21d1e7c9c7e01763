using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace TailorKV.Runtime.Weights.Blocks;

/// <summary>What is done with rows of blocks.</summary>
internal static unsafe class BlockKernel<TBlocks>
    where TBlocks : struct, IBlocks
{
    // Rows are short and threads take turns with them, so what comes next from memory is asked for in time.
    private const int PrefetchedBytes = 2048;

    /// <summary>Whole blocks to numbers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Decode(byte* source, float* destination, int count)
    {
        Decoded sink = new(destination);
        for (byte* end = source + (nint)count / TBlocks.Elements * TBlocks.Bytes; source < end; source += TBlocks.Bytes)
        {
            TBlocks.Read(source, ref sink);
            sink.Advance(TBlocks.Elements);
        }
    }

    /// <summary>dots[row] = row . input, for rows that follow each other; read as they lie and never written down decoded.</summary>
    /// <param name="rows">The first row.</param>
    /// <param name="count">Rows.</param>
    /// <param name="columns">Numbers of a row, whole blocks.</param>
    /// <param name="input">[columns].</param>
    /// <param name="dots">[count].</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Dots(byte* rows, int count, int columns, RoundedInput input, float* dots)
    {
        for (int row = 0; row < count; row++)
        {
            IntegerDot sums = new(input);
            for (byte* end = rows + (nint)columns / TBlocks.Elements * TBlocks.Bytes; rows < end; rows += TBlocks.Bytes)
            {
                Prefetch(rows);
                TBlocks.Read(rows, ref sums);
                sums.Advance(TBlocks.Elements);
            }

            dots[row] = sums.Sum;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch(byte* block)
    {
        // Past the end of the weights as well: asking for an address that is not there does nothing.
        if (Sse.IsSupported)
            Sse.Prefetch0(block + PrefetchedBytes);
    }
}
