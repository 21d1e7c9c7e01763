using System.Runtime.Intrinsics;

namespace TailorKV.Runtime.Numbers;

/// <summary>
/// A vector of f32 numbers as wide as a register of the machine. What is to run at more than one width is written once, generic over it, and the JIT compiles it for each.
/// </summary>
internal unsafe interface ILanes<TSelf>
    where TSelf : struct, ILanes<TSelf>
{
    /// <summary>Numbers in a vector.</summary>
    static abstract int Count { get; }

    /// <summary>The most queries for which four vectors each of running sums stay in registers.</summary>
    static abstract int Queries { get; }

    static abstract TSelf Load(float* source);

    /// <summary>Integers of 16 bits, with their sign, in the bits of lanes: what number formats of 16 bits are widened from.</summary>
    static abstract TSelf LoadInt16(short* source);

    static abstract TSelf Broadcast(float value);

    /// <summary>A number by its bits, in all lanes.</summary>
    static abstract TSelf BroadcastBits(int bits);

    static abstract TSelf operator +(TSelf a, TSelf b);

    static abstract TSelf operator -(TSelf a, TSelf b);

    static abstract TSelf operator *(TSelf a, TSelf b);

    /// <summary>The bits that both have.</summary>
    static abstract TSelf operator &(TSelf a, TSelf b);

    /// <summary>The bits that either has.</summary>
    static abstract TSelf operator |(TSelf a, TSelf b);

    /// <summary>a * b + sum, rounded once.</summary>
    static abstract TSelf MultiplyAdd(TSelf a, TSelf b, TSelf sum);

    /// <summary>The larger of two numbers; where one is none, either.</summary>
    static abstract TSelf Max(TSelf a, TSelf b);

    /// <summary>Moves the bits of each lane up.</summary>
    static abstract TSelf ShiftLeft(TSelf bits, int places);

    /// <summary>The sums of the bits of lanes, as integers.</summary>
    static abstract TSelf AddBits(TSelf a, TSelf b);

    /// <summary>a &lt; b ? below : other, lane by lane.</summary>
    static abstract TSelf SelectLess(TSelf a, TSelf b, TSelf below, TSelf other);

    /// <summary>Whether all lanes hold equal numbers.</summary>
    static abstract bool AllEqual(TSelf a, TSelf b);

    /// <summary>Brings the even lanes and the odd lanes of twice as many numbers into their order.</summary>
    static abstract void Interleave(ref TSelf even, ref TSelf odd);

    /// <summary>The sum of all lanes.</summary>
    static abstract float Sum(TSelf numbers);

    /// <summary>The sum of the numbers of each of four vectors.</summary>
    static abstract Vector128<float> Sums(TSelf a, TSelf b, TSelf c, TSelf d);

    void Store(float* destination);
}
