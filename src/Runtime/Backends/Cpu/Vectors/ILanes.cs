using System.Runtime.Intrinsics;

namespace TailorKV.Runtime.Backends.Cpu.Vectors;

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

    /// <summary>Two vectors of elements from <paramref name="index"/> on, in the order that they are read fastest in.</summary>
    static abstract void ReadPair<TElements>(byte* row, nint index, out TSelf first, out TSelf second)
        where TElements : struct, IElements;

    /// <summary>Brings what is summed of such a pair into the order of elements.</summary>
    static abstract void InOrder<TElements>(ref TSelf first, ref TSelf second)
        where TElements : struct, IElements;

    /// <summary>Elements of a tile's channel, of two sixteens of tokens side by side.</summary>
    static abstract void ReadTile<TElements>(byte* channel, nint token, out TSelf first, out TSelf second)
        where TElements : struct, ITileElements;

    /// <summary>a * b + sum.</summary>
    static abstract TSelf MultiplyAdd(TSelf a, TSelf b, TSelf sum);

    /// <summary>The sum of the numbers of each of four vectors.</summary>
    static abstract Vector128<float> Sums(TSelf a, TSelf b, TSelf c, TSelf d);

    void Store(float* destination);
}
