using System.Runtime.CompilerServices;

namespace TailorKV.Runtime.Backends.Cpu.Kernels;

/// <summary>A number from one to four known when a kernel is compiled, so that it holds no more running sums in registers than it needs.</summary>
internal interface ICount
{
    static abstract int Value { get; }

    /// <summary>
    /// Does work for all of some queries: together go the most there is room for, or fewer where that makes the last ones more (five go as three and two, not as four and one).
    /// </summary>
    /// <param name="count">Queries.</param>
    /// <param name="most">The most that go together.</param>
    /// <param name="work">What is done.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void ForAll<TWork>(int count, int most, TWork work)
        where TWork : struct, ICountedWork
    {
        for (int done = 0, together; done < count; done += together)
        {
            together = Together(count - done, most);
            switch (together)
            {
                case 1:
                    work.Run<One>(done);
                    break;
                case 2:
                    work.Run<Two>(done);
                    break;
                case 3:
                    work.Run<Three>(done);
                    break;
                default:
                    work.Run<Four>(done);
                    break;
            }
        }
    }

    private static int Together(int left, int most)
    {
        int times = (left + most - 1) / most;
        return (left + times - 1) / times;
    }

    readonly struct One : ICount
    {
        public static int Value => 1;
    }

    readonly struct Two : ICount
    {
        public static int Value => 2;
    }

    readonly struct Three : ICount
    {
        public static int Value => 3;
    }

    readonly struct Four : ICount
    {
        public static int Value => 4;
    }
}
