using TailorKV.Runtime.Backends.Cpu.Kernels;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Packs;

/// <summary>
/// The products a vector of lanes at a time: what a shift brings down is looked up once for up to four queries, whose sums stay in registers while the depths go by, one or two
/// vectors each.
/// </summary>
internal sealed unsafe class VectorPackKernel<TBits, TWords>(CodeLevels levels) : PackKernel(levels, TWords.Bytes / 2)
    where TBits : struct, ICodeBits
    where TWords : struct, IWords<TWords>
{
    private const int Together = 4;

    private readonly byte[] _constants = PackProducts<TBits, TWords>.Constants(levels);

    protected override void AddProducts(PackRange range, PackFactors factors, float* scales, float* destination, nint stride)
    {
        fixed (byte* constants = _constants)
            ICount.ForAll(factors.Queries, Together, new Work(range, constants, Levels.Lowest, factors, scales, destination, stride));
    }

    private static void Run<TQueries>(PackRange range, byte* constants, int lowest, PackFactors factors, float* scales, float* destination, nint stride)
        where TQueries : struct, ICount
    {
        int vector = TWords.Count, done = 0;
        // A pack of one vector's lanes goes together with the next, so that they share what a factor costs.
        if (range.Lanes == vector && factors.Step == 0 && range.Repeats > 1)
        {
            PackProducts<TBits, TWords>.Add<TQueries, ICount.Two>(range, 0, 2 * vector, 0, 2, constants, lowest, factors, scales, destination, stride);
            done = range.Repeats - (range.Repeats % 2);
        }

        if (done == range.Repeats)
            return;
        int twos = range.Lanes - (range.Lanes % (2 * vector)), ones = range.Lanes - (range.Lanes % vector);
        if (twos > 0)
            PackProducts<TBits, TWords>.Add<TQueries, ICount.Two>(range, 0, twos, done, 1, constants, lowest, factors, scales, destination, stride);
        if (ones > twos)
            PackProducts<TBits, TWords>.Add<TQueries, ICount.One>(range, twos, ones, done, 1, constants, lowest, factors, scales, destination, stride);
        // Of values alone, whose lanes are channels, some may be left, and those meet factors of 16 bits.
        if (range.Lanes > ones)
            PackProducts<TBits, Words256>.Add<TQueries, ICount.One>(range, ones, range.Lanes, done, 1, constants, lowest, factors, scales, destination, stride);
    }

    private readonly struct Work(PackRange range, byte* constants, int lowest, PackFactors factors, float* scales, float* destination, nint stride) : ICountedWork
    {
        public void Run<TQueries>(int first)
            where TQueries : struct, ICount =>
            VectorPackKernel<TBits, TWords>.Run<TQueries>(range, constants, lowest, factors.Of(first, TQueries.Value), scales, destination + (first * stride), stride);
    }
}
