using System.Runtime.CompilerServices;
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

    [SkipLocalsInit]
    protected override void AddProducts(in PackWork work)
    {
        fixed (byte* constants = _constants)
        fixed (PackWork* all = &work)
            ICount.ForAll(work.Factors.Queries, Together, new Work(all, constants, Levels.Lowest));
    }

    private static void Run<TQueries>(in PackWork work, int query, byte* constants, int lowest)
        where TQueries : struct, ICount
    {
        int vector = TWords.Count, done = 0, lanes = work.Range.Lanes, repeats = work.Range.Repeats;
        // A pack of one vector's lanes goes together with the next, so that they share what a factor costs.
        if (lanes == vector && work.Factors.Step == 0 && repeats > 1)
        {
            PackProducts<TBits, TWords>.Add<TQueries, ICount.Two>(work, query, 0, 2 * vector, 0, 2, constants, lowest);
            done = repeats - (repeats % 2);
        }

        if (done == repeats)
            return;
        int twos = lanes - (lanes % (2 * vector)), ones = lanes - (lanes % vector);
        if (twos > 0)
            PackProducts<TBits, TWords>.Add<TQueries, ICount.Two>(work, query, 0, twos, done, 1, constants, lowest);
        if (ones > twos)
            PackProducts<TBits, TWords>.Add<TQueries, ICount.One>(work, query, twos, ones, done, 1, constants, lowest);
        // Of values alone, whose lanes are channels, some may be left, and those meet factors of 16 bits.
        if (lanes > ones)
            PackProducts<TBits, Words256>.Add<TQueries, ICount.One>(work, query, ones, lanes, done, 1, constants, lowest);
    }

    private readonly struct Work(PackWork* all, byte* constants, int lowest) : ICountedWork
    {
        public void Run<TQueries>(int first)
            where TQueries : struct, ICount =>
            VectorPackKernel<TBits, TWords>.Run<TQueries>(*all, first, constants, lowest);
    }
}
