namespace TailorKV.Planner.Models;

/// <summary>Sizes of <see cref="ExactPrecision"/>.</summary>
public static class ExactPrecisionExtensions
{
    /// <summary>Bytes of one element.</summary>
    public static int Bytes(this ExactPrecision precision) => precision == ExactPrecision.BFloat16 ? 2 : 4;
}
