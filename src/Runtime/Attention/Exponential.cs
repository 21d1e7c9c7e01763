using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace TailorKV.Runtime.Attention;

/// <summary>
/// exp of numbers not above 16, to 2 units in the last place; 0 below -87, where it would be smaller than normal numbers are. The same to the bit in vectors of any
/// width: exp(x) = 2^n exp(r) with n the integer next to x / ln 2, and exp(r) by its Taylor series.
/// </summary>
internal static class Exponential
{
    private const float Smallest = -87;
    private const float PerLn2 = 1.44269504f;

    // ln 2 in two parts, of which n times the first is exact.
    private const float Ln2High = 0.693359375f;
    private const float Ln2Low = -2.12194440e-4f;

    // Added to a number below 2^22, it leaves the nearest integer in the low bits.
    private const float Rounder = 12582912;

    private const int ExponentBits = 23;
    private const int OneBits = 0x3F800000;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Of(Vector512<float> x)
    {
        Vector512<float> rounder = Vector512.Create(Rounder), shifted = Vector512.FusedMultiplyAdd(x, Vector512.Create(PerLn2), rounder);
        Vector512<float> n = shifted - rounder;
        Vector512<float> r = Vector512.FusedMultiplyAdd(n, Vector512.Create(-Ln2High), x);
        r = Vector512.FusedMultiplyAdd(n, Vector512.Create(-Ln2Low), r);
        Vector512<float> sum = Vector512.FusedMultiplyAdd(r, Vector512.Create(1f / 720), Vector512.Create(1f / 120));
        sum = Vector512.FusedMultiplyAdd(sum, r, Vector512.Create(1f / 24));
        sum = Vector512.FusedMultiplyAdd(sum, r, Vector512.Create(1f / 6));
        sum = Vector512.FusedMultiplyAdd(sum, r, Vector512.Create(0.5f));
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
        Vector256<float> r = Vector256.FusedMultiplyAdd(n, Vector256.Create(-Ln2High), x);
        r = Vector256.FusedMultiplyAdd(n, Vector256.Create(-Ln2Low), r);
        Vector256<float> sum = Vector256.FusedMultiplyAdd(r, Vector256.Create(1f / 720), Vector256.Create(1f / 120));
        sum = Vector256.FusedMultiplyAdd(sum, r, Vector256.Create(1f / 24));
        sum = Vector256.FusedMultiplyAdd(sum, r, Vector256.Create(1f / 6));
        sum = Vector256.FusedMultiplyAdd(sum, r, Vector256.Create(0.5f));
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
        float r = MathF.FusedMultiplyAdd(n, -Ln2High, x);
        r = MathF.FusedMultiplyAdd(n, -Ln2Low, r);
        float sum = MathF.FusedMultiplyAdd(r, 1f / 720, 1f / 120);
        sum = MathF.FusedMultiplyAdd(sum, r, 1f / 24);
        sum = MathF.FusedMultiplyAdd(sum, r, 1f / 6);
        sum = MathF.FusedMultiplyAdd(sum, r, 0.5f);
        sum = MathF.FusedMultiplyAdd(sum, r, 1);
        sum = MathF.FusedMultiplyAdd(sum, r, 1);
        return sum * BitConverter.Int32BitsToSingle((BitConverter.SingleToInt32Bits(shifted) << ExponentBits) + OneBits);
    }
}
