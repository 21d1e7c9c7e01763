namespace TailorKV.Runtime.Backends.Cpu.Kernels;

/// <summary>A number from one to four known when a kernel is compiled, so that it holds no more running sums in registers than it needs.</summary>
internal interface ICount
{
    static abstract int Value { get; }

    /// <summary>How many of the queries left go together: the most there is room for, or fewer where that makes the last ones more (five go as three and two, not as four and one).</summary>
    static int Together(int left, int most)
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
