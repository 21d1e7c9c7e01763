namespace TailorKV.Runtime.Weights.Blocks;

/// <summary>Groups of 32 numbers that share a scale, known when a kernel is compiled.</summary>
internal interface IGroups
{
    static abstract int Count { get; }
}
