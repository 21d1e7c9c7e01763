namespace TailorKV.Planner.Machines;

/// <summary>The time of one layer of a decode step, in nanoseconds.</summary>
/// <param name="Work">From the layer's start to its end, what it fetches itself included.</param>
/// <param name="Prefetch">Transfers for the layer that run while the layer before does.</param>
public readonly record struct LayerTime(long Work, long Prefetch);
