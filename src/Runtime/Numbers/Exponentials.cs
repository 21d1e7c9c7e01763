using System.Runtime.CompilerServices;

namespace TailorKV.Runtime.Numbers;

/// <summary>
/// <see cref="Exponential"/> of vectors. Its constants are read from memory once, before a loop, and stay in registers: what the compiler knows it loads again each time.
/// </summary>
internal readonly struct Exponentials<TLanes>
    where TLanes : struct, ILanes<TLanes>
{
    private readonly TLanes _smallest;
    private readonly TLanes _perLn2;
    private readonly TLanes _rounder;
    private readonly TLanes _minusLn2;
    private readonly TLanes _one;
    private readonly TLanes _c2;
    private readonly TLanes _c3;
    private readonly TLanes _c4;
    private readonly TLanes _c5;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Exponentials()
    {
        float[] constants = Exponential.Constants;
        _smallest = TLanes.Broadcast(constants[0]);
        _perLn2 = TLanes.Broadcast(constants[1]);
        _rounder = TLanes.Broadcast(constants[2]);
        _minusLn2 = TLanes.Broadcast(constants[3]);
        _one = TLanes.Broadcast(constants[4]);
        _c2 = TLanes.Broadcast(constants[5]);
        _c3 = TLanes.Broadcast(constants[6]);
        _c4 = TLanes.Broadcast(constants[7]);
        _c5 = TLanes.Broadcast(constants[8]);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TLanes Of(TLanes x)
    {
        TLanes shifted = TLanes.MultiplyAdd(x, _perLn2, _rounder), n = shifted - _rounder;
        TLanes r = TLanes.MultiplyAdd(n, _minusLn2, x);
        TLanes sum = TLanes.MultiplyAdd(r, _c5, _c4);
        sum = TLanes.MultiplyAdd(sum, r, _c3);
        sum = TLanes.MultiplyAdd(sum, r, _c2);
        sum = TLanes.MultiplyAdd(sum, r, _one);
        sum = TLanes.MultiplyAdd(sum, r, _one);
        sum *= TLanes.AddBits(TLanes.ShiftLeft(shifted, Exponential.ExponentBits), _one);
        return TLanes.SelectLess(x, _smallest, default, sum);
    }
}
