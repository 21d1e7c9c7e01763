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

    protected override void AddProducts(PackRange range, byte* factors, nint factorStride, int n, float* steps, float* scales, float* destination, nint stride)
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
                    lowest[query] = Levels.Lowest * Sum(new ReadOnlySpan<byte>(factors + (query * factorStride), range.Depth * range.Sums * NumberBytes));
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
        var pack = (byte*)range.First;
        for (int repeat = 0; repeat < range.Repeats; repeat++, pack += range.Shape.Bytes)
        {
            int lane = 0;
            for (; lane <= range.Lanes - (2 * TWords.Count); lane += 2 * TWords.Count, scales += 2 * TWords.Count, destination += 2 * TWords.Count)
                PackProducts<TBits, TWords>.Add<TQueries, ICount.Two>(range, pack, lane, tables, factors, factorStride, lowest, steps, scales, destination, stride);
            for (; lane <= range.Lanes - TWords.Count; lane += TWords.Count, scales += TWords.Count, destination += TWords.Count)
                PackProducts<TBits, TWords>.Add<TQueries, ICount.One>(range, pack, lane, tables, factors, factorStride, lowest, steps, scales, destination, stride);
            // Of values alone, whose lanes are channels, some may be left, and those meet factors of 16 bits.
            for (; lane < range.Lanes; lane += Words256.Count, scales += Words256.Count, destination += Words256.Count)
                PackProducts<TBits, Words256>.Add<TQueries, ICount.One>(range, pack, lane, tables, factors, factorStride, lowest, steps, scales, destination, stride);
        }
    }
}
