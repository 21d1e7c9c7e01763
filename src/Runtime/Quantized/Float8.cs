namespace TailorKV.Runtime.Quantized;

/// <summary>Numbers of 8 bits: a sign, 4 bits of exponent with a bias of 7, 3 of fraction; no infinities (E4M3FN of the OCP 8-bit Floating Point Specification).</summary>
internal static class Float8
{
    /// <summary>Every number, by its bits.</summary>
    public static IReadOnlyList<float> Numbers { get; } = [.. Enumerable.Range(0, 256).Select(OfBits)];

    private static float OfBits(int bits)
    {
        int exponent = (bits >> 3) & 15, fraction = bits & 7;
        float magnitude = (exponent, fraction) switch
        {
            (15, 7) => float.NaN,
            (0, _) => MathF.ScaleB(fraction, -9),
            _ => MathF.ScaleB(8 + fraction, exponent - 10),
        };
        return bits < 128 ? magnitude : -magnitude;
    }
}
