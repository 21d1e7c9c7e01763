using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using TailorKV.Runtime.Backends.Cpu.Panels;
using TailorKV.Runtime.Weights.Blocks;

namespace TailorKV.Runtime.Backends.Cpu.Products.Interleaved;

/// <summary>
/// Sixteen rows side by side, block after block: the scales and offsets of all, then their codes (<see cref="InterleavedCodes{TBlocks}"/>). A lane of a vector belongs to a row, so that no sum
/// goes across lanes, a scale is widened together with those of other rows, and what is the same for all rows, the input, is read once.
/// </summary>
internal static unsafe class InterleavedRows<TBlocks>
    where TBlocks : struct, IBlocks
{
    // What comes next from memory is asked for in time.
    private const int PrefetchedBytes = 2048;
    private const int CacheLine = 64;

    /// <summary>Bytes of a block of sixteen rows.</summary>
    public static int BlockBytes
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TBlocks.ScaleBytes + (Groups * InterleavedCodes<TBlocks>.GroupBytes);
    }

    private static int Groups
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TBlocks.Elements / TBlocks.Group;
    }

    /// <summary>Lays rows out side by side.</summary>
    /// <param name="rows">The first of them, as stored.</param>
    /// <param name="count">Up to <see cref="SixteenRows.Count"/>; zeros stand in for the others.</param>
    /// <param name="columns">Numbers of a row, whole blocks.</param>
    /// <param name="destination">Zeros, in whose place they come.</param>
    public static void LayOut(byte* rows, int count, int columns, byte* destination)
    {
        for (int row = 0; row < count; row++)
        {
            byte* to = destination;
            for (int block = 0; block < columns / TBlocks.Elements; block++, rows += TBlocks.Bytes, to += BlockBytes)
            {
                TBlocks.PutScales(rows, row, to);
                InterleavedWriter<TBlocks> writer = new(to + TBlocks.ScaleBytes, row);
                TBlocks.Read(rows, ref writer);
            }
        }
    }

    /// <summary>dots[row] = row . input, for all rows of some sixteens.</summary>
    /// <param name="block">The first block of the first sixteen.</param>
    /// <param name="sixteens">How many.</param>
    /// <param name="columns">Numbers of a row.</param>
    /// <param name="input">[columns].</param>
    /// <param name="dots">[sixteens, 16].</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Dots(byte* block, int sixteens, int columns, RoundedInput input, float* dots)
    {
        for (float* end = dots + (sixteens * SixteenRows.Count); dots < end; dots += SixteenRows.Count)
        {
            Vector256<float> lower = default, upper = default;
            short* numbers = input.Numbers;
            for (int first = 0; first < columns; first += TBlocks.Elements, block += BlockBytes)
            {
                byte* codes = block + TBlocks.ScaleBytes;
                for (int group = 0; group < Groups; group++, codes += InterleavedCodes<TBlocks>.GroupBytes)
                {
                    Prefetch(codes);
                    Vector256<int> lowerSums = default, upperSums = default;
                    Vector256<ushort> lowerTops = InterleavedCodes<TBlocks>.Tops(codes, 0), upperTops = InterleavedCodes<TBlocks>.Tops(codes, 1);
                    for (int word = 0; word < InterleavedCodes<TBlocks>.Words; word++, numbers += InterleavedCodes<TBlocks>.WordCodes)
                    {
                        byte* at = codes + (word * InterleavedCodes<TBlocks>.WordBytes);
                        Vector256<ushort> lowerWords = Vector256.Load((ushort*)at), upperWords = Vector256.Load((ushort*)(at + (InterleavedCodes<TBlocks>.WordBytes / 2)));
                        Multiply(lowerWords, upperWords, lowerTops, upperTops, 0, numbers, ref lowerSums, ref upperSums);
                        Multiply(lowerWords, upperWords, lowerTops, upperTops, 1, numbers, ref lowerSums, ref upperSums);
                        if (InterleavedCodes<TBlocks>.WordCodes > 4)
                        {
                            Multiply(lowerWords, upperWords, lowerTops, upperTops, 2, numbers, ref lowerSums, ref upperSums);
                            Multiply(lowerWords, upperWords, lowerTops, upperTops, 3, numbers, ref lowerSums, ref upperSums);
                        }

                        lowerTops = InterleavedCodes<TBlocks>.Next(lowerTops);
                        upperTops = InterleavedCodes<TBlocks>.Next(upperTops);
                    }

                    SixteenRows scales = TBlocks.Scales(block, group);
                    int step = (first + (group * TBlocks.Group)) / RoundedInput.Group;
                    Vector256<float> ofStep = Vector256.Create(input.Steps[step]);
                    lower = Vector256.FusedMultiplyAdd(Vector256.ConvertToSingle(lowerSums), scales.Lower * ofStep, lower);
                    upper = Vector256.FusedMultiplyAdd(Vector256.ConvertToSingle(upperSums), scales.Upper * ofStep, upper);
                    if (!TBlocks.HasOffsets)
                        continue;
                    SixteenRows offsets = TBlocks.Offsets(block, group);
                    Vector256<float> sum = Vector256.Create(input.Sums[step]);
                    lower = Vector256.FusedMultiplyAdd(offsets.Lower, sum, lower);
                    upper = Vector256.FusedMultiplyAdd(offsets.Upper, sum, upper);
                }
            }

            lower.Store(dots);
            upper.Store(dots + (SixteenRows.Count / 2));
        }
    }

    /// <summary>The plain twin of <see cref="Dots"/>, the same to the bit: one row.</summary>
    /// <param name="row">The row as stored.</param>
    /// <param name="columns">Its numbers.</param>
    /// <param name="input">[columns].</param>
    public static float DotPlain(byte* row, int columns, RoundedInput input)
    {
        byte* laidOut = stackalloc byte[BlockBytes];
        int* codes = stackalloc int[TBlocks.Elements];
        float dot = 0;
        for (int first = 0; first < columns; first += TBlocks.Elements, row += TBlocks.Bytes)
        {
            TBlocks.PutScales(row, 0, laidOut);
            PlainCodes sink = new(codes);
            TBlocks.Read(row, ref sink);
            for (int group = 0; group < Groups; group++)
            {
                int at = group * TBlocks.Group, step = (first + at) / RoundedInput.Group, sum = 0;
                for (int i = 0; i < TBlocks.Group; i++)
                    sum += codes[at + i] * input.Numbers[first + at + i];
                dot = MathF.FusedMultiplyAdd(sum, TBlocks.Scales(laidOut, group).Lower[0] * input.Steps[step], dot);
                if (TBlocks.HasOffsets)
                    dot = MathF.FusedMultiplyAdd(TBlocks.Offsets(laidOut, group).Lower[0], input.Sums[step], dot);
            }
        }

        return dot;
    }

    /// <summary>Decodes some blocks of sixteen rows to columns of a panel: the same numbers as <see cref="BlockKernel{TBlocks}"/>, with no row to be turned.</summary>
    /// <param name="block">The first block.</param>
    /// <param name="depth">Numbers of a row, whole blocks.</param>
    /// <param name="panel">The first of sixteen columns in it.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Columns(byte* block, int depth, float* panel)
    {
        for (int first = 0; first < depth; first += TBlocks.Elements, block += BlockBytes)
        {
            byte* codes = block + TBlocks.ScaleBytes;
            for (int group = 0; group < Groups; group++, codes += InterleavedCodes<TBlocks>.GroupBytes)
            {
                SixteenRows scales = TBlocks.Scales(block, group), offsets = TBlocks.Offsets(block, group);
                Vector256<ushort> lowerTops = InterleavedCodes<TBlocks>.Tops(codes, 0), upperTops = InterleavedCodes<TBlocks>.Tops(codes, 1);
                for (int word = 0; word < InterleavedCodes<TBlocks>.Words; word++)
                {
                    byte* at = codes + (word * InterleavedCodes<TBlocks>.WordBytes);
                    Vector256<ushort> lower = Vector256.Load((ushort*)at), upper = Vector256.Load((ushort*)(at + (InterleavedCodes<TBlocks>.WordBytes / 2)));
                    for (int pair = 0; pair < InterleavedCodes<TBlocks>.WordCodes / 2; pair++, panel += 2 * Panel.Width)
                    {
                        Decode(InterleavedCodes<TBlocks>.Pair(lower, lowerTops, pair), scales.Lower, offsets.Lower, panel);
                        Decode(InterleavedCodes<TBlocks>.Pair(upper, upperTops, pair), scales.Upper, offsets.Upper, panel + (SixteenRows.Count / 2));
                    }

                    lowerTops = InterleavedCodes<TBlocks>.Next(lowerTops);
                    upperTops = InterleavedCodes<TBlocks>.Next(upperTops);
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Decode(Vector256<short> codes, Vector256<float> scales, Vector256<float> offsets, float* panel)
    {
        Vector256<int> pairs = codes.AsInt32();
        Vector256<float> even = Vector256.ConvertToSingle((pairs << 16) >> 16) * scales, odd = Vector256.ConvertToSingle(pairs >> 16) * scales;
        (TBlocks.HasOffsets ? even + offsets : even).Store(panel);
        (TBlocks.HasOffsets ? odd + offsets : odd).Store(panel + Panel.Width);
    }

    /// <summary>Adds to each row's sum the products of a pair of its codes with two numbers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Multiply(
        Vector256<ushort> lower, Vector256<ushort> upper, Vector256<ushort> lowerTops, Vector256<ushort> upperTops, int pair, short* numbers, ref Vector256<int> lowerSums,
        ref Vector256<int> upperSums)
    {
        Vector256<short> two = Vector256.Create(((int*)numbers)[pair]).AsInt16();
        lowerSums += Products(InterleavedCodes<TBlocks>.Pair(lower, lowerTops, pair), two);
        upperSums += Products(InterleavedCodes<TBlocks>.Pair(upper, upperTops, pair), two);
    }

    /// <summary>The products of the numbers of pairs, added to each other.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Products(Vector256<short> pairs, Vector256<short> others)
    {
        if (Avx2.IsSupported)
            return Avx2.MultiplyAddAdjacent(pairs, others);
        Vector256<int> a = pairs.AsInt32(), b = others.AsInt32();
        return (((a << 16) >> 16) * ((b << 16) >> 16)) + ((a >> 16) * (b >> 16));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch(byte* codes)
    {
        // Past the end of the weights as well: asking for an address that is not there does nothing.
        for (int line = 0; Sse.IsSupported && line < InterleavedCodes<TBlocks>.GroupBytes; line += CacheLine)
            Sse.Prefetch0(codes + PrefetchedBytes + line);
    }

    /// <summary>Codes less their bias, each in its place.</summary>
    private readonly struct PlainCodes(int* codes) : ICodeSink
    {
        public void Take(int at, Vector128<sbyte> sixteen, float scale)
        {
            for (int i = 0; i < Vector128<sbyte>.Count; i++)
                codes[at + i] = sixteen[i];
        }

        public void Take(int at, Vector128<sbyte> sixteen, float scale, float offset) => Take(at, sixteen, scale);
    }
}
