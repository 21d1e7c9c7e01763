namespace TailorKV.Runtime.Numbers;

/// <summary>
/// exp of numbers not above 16, to 2 units in the last place near 0 and 5 at -87; 0 below that, where it would be smaller than normal numbers are. The same to the bit in vectors of any
/// width: exp(x) = 2^n exp(r) with n the integer next to x / ln 2, and exp(r) by a polynomial.
/// </summary>
internal static class Exponential
{
    internal const int ExponentBits = 23;
    internal const int OneBits = 0x3F800000;

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

    /// <summary>What <see cref="Exponentials{TLanes}"/> computes with.</summary>
    internal static readonly float[] Constants = [Smallest, PerLn2, Rounder, -Ln2, 1, C2, C3, C4, C5];

    /// <summary>exp of a number: the plain twin of <see cref="Exponentials{TLanes}"/>.</summary>
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
