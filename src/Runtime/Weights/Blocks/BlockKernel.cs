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
        for (byte* end = source + (nint)count / TBlocks.Elements * TBlocks.Bytes; source < end; source += TBlocks.Bytes, destination += TBlocks.Elements)
        {
            Decoded sink = new(destination);
            TBlocks.Read(source, ref sink);
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
        nint rowBytes = (nint)columns / TBlocks.Elements * TBlocks.Bytes;
        int last = count - 1;
        // Four rows go together, so that no sum waits for the one before it. Past the last row its sum is made again, and not stored.
        for (int row = 0; row < count; row += 4)
        {
            byte* row0 = rows + (row * rowBytes), row1 = rows + (Math.Min(row + 1, last) * rowBytes);
            byte* row2 = rows + (Math.Min(row + 2, last) * rowBytes), row3 = rows + (Math.Min(row + 3, last) * rowBytes);
            RoundedInput at = input;
            IntegerDot dot0 = default, dot1 = default, dot2 = default, dot3 = default;
            for (nint block = 0; block < rowBytes; block += TBlocks.Bytes)
            {
                Add(row0 + block, at, ref dot0);
                Add(row1 + block, at, ref dot1);
                Add(row2 + block, at, ref dot2);
                Add(row3 + block, at, ref dot3);
                at = at.From(TBlocks.Elements);
            }

            dots[row] = dot0.Sum;
            if (row < last)
                dots[row + 1] = dot1.Sum;
            if (row < last - 1)
                dots[row + 2] = dot2.Sum;
            if (row < last - 2)
                dots[row + 3] = dot3.Sum;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(byte* block, RoundedInput input, ref IntegerDot dot)
    {
        Prefetch(block);
        IntegerDot more = dot.With(input);
        TBlocks.Read(block, ref more);
        dot = more;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch(byte* block)
    {
        // Past the end of the weights as well: asking for an address that is not there does nothing.
        if (Sse.IsSupported)
            Sse.Prefetch0(block + PrefetchedBytes);
    }
}
