namespace TailorKV.Planner.Models;

/// <summary>Sizes and words of <see cref="ExactPrecision"/>.</summary>
public static class ExactPrecisionExtensions
{
    /// <summary>Bytes of one element.</summary>
    public static int Bytes(this ExactPrecision precision) => precision == ExactPrecision.BFloat16 ? 2 : 4;

    /// <summary>Its word in tables, as in JSON.</summary>
    public static string Describe(this ExactPrecision precision) => precision == ExactPrecision.BFloat16 ? "bf16" : "f32";
}
