namespace TailorKV.Runtime.Cache.Kernels;

/// <summary>A number from one to four known when a kernel is compiled, so that it holds no more running sums in registers than it needs.</summary>
internal interface ICount
{
    static abstract int Value { get; }

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
