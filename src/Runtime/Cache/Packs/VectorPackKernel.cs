using TailorKV.Runtime.Cache.Kernels;

namespace TailorKV.Runtime.Cache.Packs;

/// <summary>
/// The products a vector of lanes at a time: what a shift brings down is looked up once for up to four queries, whose sums stay in registers while the depths go by, one or two
/// vectors each.
/// </summary>
internal sealed unsafe class VectorPackKernel<TBits, TWords>(CodeLevels levels) : PackKernel(levels, TWords.Bytes / 2)
    where TBits : struct, ICodeBits
    where TWords : struct, IWords<TWords>
{
    private const int Together = 4;

    private readonly byte[] _tables = levels.Tables();

    protected override void AddProducts(
        PackRange range, byte* factors, nint factorStride, int n, float* steps, int* sums, float* scales, float* destination, nint stride)
    {
        int* lowest = stackalloc int[Together];
        fixed (byte* tables = _tables)
        {
            for (int done = 0, together; done < n; done += together, factors += together * factorStride, steps += together, destination += together * stride)
            {
                // Five go as three and two, not as four and one.
                int times = (n - done + Together - 1) / Together;
                together = (n - done + times - 1) / times;
                for (int query = 0; query < together; query++)
                    lowest[query] = Levels.Lowest * sums[done + query];
                switch (together)
                {
                    case 1:
                        Run<ICount.One>(range, tables, factors, factorStride, lowest, steps, scales, destination, stride);
                        break;
                    case 2:
                        Run<ICount.Two>(range, tables, factors, factorStride, lowest, steps, scales, destination, stride);
                        break;
                    case 3:
                        Run<ICount.Three>(range, tables, factors, factorStride, lowest, steps, scales, destination, stride);
                        break;
                    default:
                        Run<ICount.Four>(range, tables, factors, factorStride, lowest, steps, scales, destination, stride);
                        break;
                }
            }
        }
    }

    private static void Run<TQueries>(
        PackRange range, byte* tables, byte* factors, nint factorStride, int* lowest, float* steps, float* scales, float* destination, nint stride)
        where TQueries : struct, ICount
    {
        int twos = range.Lanes - (range.Lanes % (2 * TWords.Count)), ones = range.Lanes - (range.Lanes % TWords.Count);
        if (twos > 0)
            PackProducts<TBits, TWords>.Add<TQueries, ICount.Two>(range, 0, twos, tables, factors, factorStride, lowest, steps, scales, destination, stride);
        if (ones > twos)
            PackProducts<TBits, TWords>.Add<TQueries, ICount.One>(range, twos, ones, tables, factors, factorStride, lowest, steps, scales, destination, stride);
        // Of values alone, whose lanes are channels, some may be left, and those meet factors of 16 bits.
        if (range.Lanes > ones)
            PackProducts<TBits, Words256>.Add<TQueries, ICount.One>(range, ones, range.Lanes, tables, factors, factorStride, lowest, steps, scales, destination, stride);
    }
}
