using System.Runtime.CompilerServices;
using TailorKV.Runtime.Numbers;

namespace TailorKV.Benchmarks.Kernels;

/// <summary>Loops that do nothing but what a ceiling is of.</summary>
internal static unsafe class CeilingLoops<TLanes>
    where TLanes : struct, ILanes<TLanes>
{
    /// <summary>Vectors of running sums: enough to hide what an addition takes, few enough for AVX2's registers.</summary>
    public const int Sums = 10;

    /// <summary>Copies numbers.</summary>
    /// <param name="from">The first.</param>
    /// <param name="to">Where it goes.</param>
    /// <param name="count">Numbers: whole fours of vectors.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Copy(float* from, float* to, nint count)
    {
        for (nint i = 0; i < count; i += 4 * TLanes.Count)
        {
            TLanes.Load(from + i).Store(to + i);
            TLanes.Load(from + i + TLanes.Count).Store(to + i + TLanes.Count);
            TLanes.Load(from + i + (2 * TLanes.Count)).Store(to + i + (2 * TLanes.Count));
            TLanes.Load(from + i + (3 * TLanes.Count)).Store(to + i + (3 * TLanes.Count));
        }
    }

    /// <summary>Multiplies and adds in registers.</summary>
    /// <param name="rounds">Times <see cref="Sums"/> vectors.</param>
    /// <param name="sum">A vector of sums.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void MultiplyAdd(int rounds, float* sum)
    {
        TLanes x = TLanes.Load(sum), y = TLanes.Broadcast(0.5f);
        TLanes a = x, b = x, c = x, d = x, e = x, f = x, g = x, h = x, i = x, j = x;
        for (int round = 0; round < rounds; round++)
        {
            a = TLanes.MultiplyAdd(x, y, a);
            b = TLanes.MultiplyAdd(x, y, b);
            c = TLanes.MultiplyAdd(x, y, c);
            d = TLanes.MultiplyAdd(x, y, d);
            e = TLanes.MultiplyAdd(x, y, e);
            f = TLanes.MultiplyAdd(x, y, f);
            g = TLanes.MultiplyAdd(x, y, g);
            h = TLanes.MultiplyAdd(x, y, h);
            i = TLanes.MultiplyAdd(x, y, i);
            j = TLanes.MultiplyAdd(x, y, j);
        }

        a = TLanes.MultiplyAdd(a, b, TLanes.MultiplyAdd(c, d, e));
        f = TLanes.MultiplyAdd(f, g, TLanes.MultiplyAdd(h, i, j));
        TLanes.MultiplyAdd(a, y, f).Store(sum);
    }
}
