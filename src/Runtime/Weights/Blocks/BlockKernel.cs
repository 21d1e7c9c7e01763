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
    /// <param name="inputSums">[columns / 32]: the sums of each 32 numbers of the input.</param>
    /// <param name="dots">[count].</param>
    /// <param name="lanes">Numbers multiplied at once: 16 or 8.</param>
    public static void Dots(byte* rows, int count, int columns, float* input, float* inputSums, float* dots, int lanes)
    {
        if (lanes == 16)
            Dots512(rows, count, columns, input, inputSums, dots);
        else
            Dots256(rows, count, columns, input, inputSums, dots);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Dots512(byte* rows, int count, int columns, float* input, float* inputSums, float* dots)
    {
        for (int row = 0; row < count; row++)
        {
            Dot512 sink = new(input, inputSums);
            for (byte* end = rows + (nint)columns / TBlocks.Elements * TBlocks.Bytes; rows < end; rows += TBlocks.Bytes)
            {
                Prefetch(rows);
                TBlocks.Read(rows, ref sink);
                sink.Advance(TBlocks.Elements);
            }

            dots[row] = sink.Sum;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Dots256(byte* rows, int count, int columns, float* input, float* inputSums, float* dots)
    {
        for (int row = 0; row < count; row++)
        {
            Dot256 sink = new(input, inputSums);
            for (byte* end = rows + (nint)columns / TBlocks.Elements * TBlocks.Bytes; rows < end; rows += TBlocks.Bytes)
            {
                Prefetch(rows);
                TBlocks.Read(rows, ref sink);
                sink.Advance(TBlocks.Elements);
            }

            dots[row] = sink.Sum;
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
