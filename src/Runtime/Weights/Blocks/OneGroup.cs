namespace TailorKV.Runtime.Weights.Blocks;

/// <summary>A scale for 32 numbers.</summary>
internal readonly struct OneGroup : IGroups
{
    public static int Count => 1;
}
