namespace TailorKV.Runtime.Weights.Blocks;

/// <summary>A scale for 128 numbers.</summary>
internal readonly struct FourGroups : IGroups
{
    public static int Count => 4;
}
