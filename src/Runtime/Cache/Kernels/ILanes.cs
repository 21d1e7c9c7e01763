using System.Runtime.Intrinsics;

namespace TailorKV.Runtime.Cache.Kernels;

/// <summary>A vector of f32 numbers as wide as a register of the machine, so that a kernel is written once for all widths.</summary>
internal unsafe interface ILanes<TSelf>
    where TSelf : struct, ILanes<TSelf>
{
    /// <summary>Numbers in a vector.</summary>
    static abstract int Count { get; }

    /// <summary>The most queries for which four vectors each of running sums stay in registers.</summary>
    static abstract int Queries { get; }

    static abstract TSelf Load(float* source);

    static abstract TSelf Broadcast(float value);

    /// <summary>Elements of a row from <paramref name="index"/> on.</summary>
    static abstract TSelf Read<TElements>(byte* row, nint index)
        where TElements : struct, IElements;

    /// <summary>a * b + sum.</summary>
    static abstract TSelf MultiplyAdd(TSelf a, TSelf b, TSelf sum);

    /// <summary>The sum of the numbers of each of four vectors.</summary>
    static abstract Vector128<float> Sums(TSelf a, TSelf b, TSelf c, TSelf d);

    void Store(float* destination);
}
