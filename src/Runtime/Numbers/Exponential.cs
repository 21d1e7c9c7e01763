using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace TailorKV.Runtime.Numbers;

/// <summary>
/// exp of numbers not above 16, to 2 units in the last place near 0 and 5 at -87; 0 below that, where it would be smaller than normal numbers are. The same to the bit in vectors of any
/// width: exp(x) = 2^n exp(r) with n the integer next to x / ln 2, and exp(r) by a polynomial.
/// </summary>
internal static class Exponential
{
    private const float Smallest = -87;
    private const float PerLn2 = 1.44269504f;

    // The nearest there is: n times 2e-9 off.
    private const float Ln2 = 0.693147182f;

    // 1 + r + C2 r^2 + ... + C5 r^5 is as near to exp(r) as such a polynomial comes, for r of at most half of ln 2 either way: within 1.05e-7 of it.
    private const float C2 = 0.499992311f;
    private const float C3 = 0.166671157f;
    private const float C4 = 0.0418903343f;
    private const float C5 = 0.00831250288f;

    // Added to a number below 2^22, it leaves the nearest integer in the low bits.
    private const float Rounder = 12582912;

    private const int ExponentBits = 23;
    private const int OneBits = 0x3F800000;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Of(Vector512<float> x)
    {
        Vector512<float> rounder = Vector512.Create(Rounder), shifted = Vector512.FusedMultiplyAdd(x, Vector512.Create(PerLn2), rounder);
        Vector512<float> n = shifted - rounder;
        Vector512<float> r = Vector512.FusedMultiplyAdd(n, Vector512.Create(-Ln2), x);
        Vector512<float> sum = Vector512.FusedMultiplyAdd(r, Vector512.Create(C5), Vector512.Create(C4));
        sum = Vector512.FusedMultiplyAdd(sum, r, Vector512.Create(C3));
        sum = Vector512.FusedMultiplyAdd(sum, r, Vector512.Create(C2));
        sum = Vector512.FusedMultiplyAdd(sum, r, Vector512<float>.One);
        sum = Vector512.FusedMultiplyAdd(sum, r, Vector512<float>.One);
        sum *= ((shifted.AsInt32() << ExponentBits) + Vector512.Create(OneBits)).AsSingle();
        return Vector512.ConditionalSelect(Vector512.LessThan(x, Vector512.Create(Smallest)), Vector512<float>.Zero, sum);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Of(Vector256<float> x)
    {
        Vector256<float> rounder = Vector256.Create(Rounder), shifted = Vector256.FusedMultiplyAdd(x, Vector256.Create(PerLn2), rounder);
        Vector256<float> n = shifted - rounder;
        Vector256<float> r = Vector256.FusedMultiplyAdd(n, Vector256.Create(-Ln2), x);
        Vector256<float> sum = Vector256.FusedMultiplyAdd(r, Vector256.Create(C5), Vector256.Create(C4));
        sum = Vector256.FusedMultiplyAdd(sum, r, Vector256.Create(C3));
        sum = Vector256.FusedMultiplyAdd(sum, r, Vector256.Create(C2));
        sum = Vector256.FusedMultiplyAdd(sum, r, Vector256<float>.One);
        sum = Vector256.FusedMultiplyAdd(sum, r, Vector256<float>.One);
        sum *= ((shifted.AsInt32() << ExponentBits) + Vector256.Create(OneBits)).AsSingle();
        return Vector256.ConditionalSelect(Vector256.LessThan(x, Vector256.Create(Smallest)), Vector256<float>.Zero, sum);
    }

    public static float Of(float x)
    {
        if (x < Smallest)
            return 0;
        float shifted = MathF.FusedMultiplyAdd(x, PerLn2, Rounder), n = shifted - Rounder;
        float r = MathF.FusedMultiplyAdd(n, -Ln2, x);
        float sum = MathF.FusedMultiplyAdd(r, C5, C4);
        sum = MathF.FusedMultiplyAdd(sum, r, C3);
        sum = MathF.FusedMultiplyAdd(sum, r, C2);
        sum = MathF.FusedMultiplyAdd(sum, r, 1);
        sum = MathF.FusedMultiplyAdd(sum, r, 1);
        return sum * BitConverter.Int32BitsToSingle((BitConverter.SingleToInt32Bits(shifted) << ExponentBits) + OneBits);
    }
}
