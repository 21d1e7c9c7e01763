namespace TailorKV.Runtime.Numbers;

/// <summary>The widths that vectors may have, in f32 numbers.</summary>
internal static class VectorWidth
{
    /// <summary>The widest that the machine has: 16, 8, or 1 where only plain twins run.</summary>
    public static int Widest => Lanes512.IsSupported ? Lanes512.Count : Lanes256.IsSupported ? Lanes256.Count : 1;
}
